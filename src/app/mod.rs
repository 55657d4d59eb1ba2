//! The screen: what a person sees and does. It reads what the library computed and computes nothing of its own about
//! Kubernetes.

mod editor;
mod failure;
mod page;

/// Installs the panic handler and puts the page into the document's body.
pub fn start() {
    failure::install();
    leptos::mount::mount_to_body(page::Page);
}
