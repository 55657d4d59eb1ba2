//! `wasm-bindgen`, as its own package writes it, from the version pinned in the workspace's lock file.

fn main() -> anyhow::Result<()> {
    wasm_bindgen_cli::wasm_bindgen::run_cli_with_args(std::env::args_os())
}
