//! Packages for learning platforms: the built app with a manifest, as SCORM 1.2, SCORM 2004 (4th edition) or an xAPI package
//! (`tincan.xml`). `assets/lms/bridge.js` in the package carries completion, score and the learner's state to the platform.
//!
//! What is left out: sequencing between lessons (a track is one learning object, whose order the app keeps), and cmi5.

mod manifest;
mod zip;

pub use zip::store as zip;

use super::course::Course;
use crate::locale::Lang;
use smol_str::SmolStr;

/// Which standard a package follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standard {
    Scorm12,
    Scorm2004,
    Xapi,
}

impl Standard {
    pub const ALL: [Standard; 3] = [Standard::Scorm12, Standard::Scorm2004, Standard::Xapi];

    /// The word for it in file names and options.
    pub fn name(self) -> &'static str {
        match self {
            Standard::Scorm12 => "scorm12",
            Standard::Scorm2004 => "scorm2004",
            Standard::Xapi => "xapi",
        }
    }

    pub fn read(name: &str) -> Option<Standard> {
        Standard::ALL.into_iter().find(|s| s.name() == name)
    }
}

/// What a package holds: the whole course, or a track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// A stable name: `giljabi` or `giljabi-first`.
    pub id: String,
    pub title: String,
    /// The page that the platform opens: the app with this content chosen.
    pub launch: String,
    pub lessons: Vec<SmolStr>,
}

/// The content of a package: a track by its id, or the whole course.
pub fn content(course: &Course, track: Option<&str>, lang: Lang) -> Option<Content> {
    let Some(track) = track else {
        let title =
            if lang == Lang::Ko { "길잡이: 쿠버네티스 서비스" } else { "Giljabi: Kubernetes Services" };
        return Some(Content {
            id: "giljabi".into(),
            title: title.into(),
            launch: format!("index.html?lms=all&lang={}", lang.tag()),
            lessons: course.lessons.iter().map(|l| l.id.clone()).collect(),
        });
    };
    let found = course.tracks.iter().find(|t| t.id == track)?;
    Some(Content {
        id: format!("giljabi-{track}"),
        title: if lang == Lang::Ko { found.korean.to_string() } else { found.english.to_string() },
        launch: format!("index.html?lms={track}&lang={}", lang.tag()),
        lessons: course.of_track(track).map(|l| l.id.clone()).collect(),
    })
}

/// The package as a zip file. `app` are the files of the built site, by their path in it.
pub fn build(standard: Standard, content: &Content, lang: Lang, app: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut files: Vec<(String, Vec<u8>)> = app.to_vec();
    if let Some((_, page)) = files.iter_mut().find(|(name, _)| name == "index.html") {
        let text = String::from_utf8_lossy(page).replacen("</head>", "<script src=\"./bridge.js\"></script></head>", 1);
        // A record store of xAPI stands on another server, which the page's policy would keep it from.
        let text = match standard {
            Standard::Xapi => text.replacen("default-src 'self';", "default-src 'self'; connect-src *;", 1),
            _ => text,
        };
        *page = text.into_bytes();
    }
    files.push(("bridge.js".into(), include_bytes!("../../../assets/lms/bridge.js").to_vec()));
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    let (name, text) = match standard {
        Standard::Scorm12 => ("imsmanifest.xml", manifest::scorm12(content, &names)),
        Standard::Scorm2004 => ("imsmanifest.xml", manifest::scorm2004(content, &names)),
        Standard::Xapi => ("tincan.xml", manifest::tincan(content, lang)),
    };
    // Platforms look for the manifest first.
    files.insert(0, (name.into(), text.into_bytes()));
    zip::store(&files)
}
