//! Markdown of lessons on the page. It is read into pieces by the library and put together here piece by piece, so that
//! nothing in a stranger's lesson can become markup.

use giljabi::lesson::markdown::{self, Block, Inline};
use leptos::prelude::*;

/// A text of several blocks.
pub fn blocks(text: &str) -> impl IntoView + use<> {
    markdown::read(text).into_iter().map(block).collect_view()
}

/// A text of one line.
pub fn line(text: &str) -> impl IntoView + use<> {
    pieces(markdown::inline(text))
}

fn block(block: Block) -> AnyView {
    match block {
        Block::Paragraph(inner) => view! { <p>{pieces(inner)}</p> }.into_any(),
        Block::Heading(1, inner) => view! { <h2>{pieces(inner)}</h2> }.into_any(),
        Block::Heading(_, inner) => view! { <h3>{pieces(inner)}</h3> }.into_any(),
        Block::Quote(inner) => view! { <blockquote>{pieces(inner)}</blockquote> }.into_any(),
        Block::Code { text, .. } => view! { <pre tabindex="0"><code>{text}</code></pre> }.into_any(),
        Block::List { ordered, items } => {
            let items = items.into_iter().map(|item| view! { <li>{pieces(item)}</li> }).collect_view();
            if ordered { view! { <ol>{items}</ol> }.into_any() } else { view! { <ul>{items}</ul> }.into_any() }
        }
    }
}

fn pieces(pieces: Vec<Inline>) -> AnyView {
    pieces.into_iter().map(piece).collect_view().into_any()
}

fn piece(piece: Inline) -> AnyView {
    match piece {
        Inline::Text(text) => text.into_any(),
        Inline::Code(text) => view! { <code>{text}</code> }.into_any(),
        Inline::Strong(inner) => view! { <strong>{pieces(inner)}</strong> }.into_any(),
        Inline::Emphasis(inner) => view! { <em>{pieces(inner)}</em> }.into_any(),
        Inline::Link { to, text } => {
            view! { <a href=to target="_blank" rel="noopener noreferrer">{pieces(text)}</a> }.into_any()
        }
    }
}
