//! `wasm-bindgen-test-runner`: runs WASM tests in a headless browser, from the version pinned in the workspace's lock file.

fn main() -> anyhow::Result<()> {
    wasm_bindgen_cli::wasm_bindgen_test_runner::run_cli_with_args(std::env::args_os())
}
