//! Where the page is: the fragment of its address, `#/lesson/<id>`, `#/lessons`, `#/notes`, `#/teach`, `#/write`.

use leptos::prelude::*;

/// One screen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Route {
    /// Free play.
    #[default]
    Free,
    Lesson(String),
    /// The lesson map; of one track where a platform opened a track.
    Lessons(Option<String>),
    Notes,
    Teach,
    Write,
    /// An assignment, by its code.
    Assignment(String),
    /// A lesson that a link carries, packed.
    Carried(String),
    /// A draft that a link carries, to be written on.
    Draft(String),
}

impl Route {
    /// Reads a fragment, with its `#`. What is not known is free play.
    pub fn read(hash: &str) -> Route {
        let path = hash.trim_start_matches('#').split('?').next().unwrap_or("");
        let mut parts = path.trim_matches('/').splitn(2, '/');
        let (first, rest) = (parts.next().unwrap_or(""), parts.next().filter(|r| !r.is_empty()).map(str::to_string));
        match (first, rest) {
            ("lesson", Some(id)) => Route::Lesson(id),
            ("lesson" | "lessons", track) => Route::Lessons(track),
            ("notes", _) => Route::Notes,
            ("teach", _) => Route::Teach,
            ("write", None) => Route::Write,
            ("write", Some(packed)) => Route::Draft(packed),
            ("do", Some(code)) => Route::Assignment(code),
            ("try", Some(packed)) => Route::Carried(packed),
            _ => Route::Free,
        }
    }

    /// The fragment.
    pub fn hash(&self) -> String {
        match self {
            Route::Free => "#/".to_string(),
            Route::Lesson(id) => format!("#/lesson/{id}"),
            Route::Lessons(None) => "#/lessons".to_string(),
            Route::Lessons(Some(track)) => format!("#/lessons/{track}"),
            Route::Notes => "#/notes".to_string(),
            Route::Teach => "#/teach".to_string(),
            Route::Write => "#/write".to_string(),
            Route::Assignment(code) => format!("#/do/{code}"),
            Route::Carried(packed) => format!("#/try/{packed}"),
            Route::Draft(packed) => format!("#/write/{packed}"),
        }
    }

    /// Whether it is the desk (editor, map, time), and no page over it.
    pub fn is_desk(&self) -> bool {
        matches!(self, Route::Free | Route::Lesson(_) | Route::Carried(_))
    }
}

/// What stands behind `?` in the fragment, by its name.
pub fn query(name: &str) -> Option<String> {
    let hash = window().location().hash().ok()?;
    let (_, query) = hash.split_once('?')?;
    query.split('&').find_map(|pair| pair.split_once('=').filter(|(n, _)| *n == name).map(|(_, v)| v.to_string()))
}

/// The screen of the address as it is now.
pub fn now() -> Route {
    Route::read(&window().location().hash().unwrap_or_default())
}

/// Goes to a screen; the browser's Back comes back.
pub fn go(to: &Route) {
    // An address that cannot be set leaves the person where they are.
    let _ = window().location().set_hash(&to.hash());
}

/// An address of this page with another fragment.
pub fn address(of: &Route) -> String {
    let here = window().location().href().unwrap_or_default();
    let base = here.split(['#', '?']).next().unwrap_or_default();
    format!("{base}{}", of.hash())
}
