//! Lessons: data that teaches. Lesson files become typed lessons, their checks are judged against the learner's cluster, and
//! the grade is the same in the browser and natively.
//!
//! A lesson is a folder of data (`lessons/README.md` is the guide for authors): [`course`] reads folders, [`grade`] looks at
//! a learner's desk ([`scene::Scene`]), [`gates`] are what every lesson must pass. Lesson files may come from strangers:
//! nothing in them runs, sizes are bounded, and every complaint names file and line.

pub mod assignment;
pub mod assist;
pub mod check;
pub mod class;
pub mod course;
pub mod desk;
pub mod draft;
pub mod draw;
pub mod edits;
pub mod gates;
pub mod glob;
pub mod grade;
pub mod keys;
pub mod markdown;
pub mod model;
pub mod package;
pub mod progress;
pub mod qr;
pub mod read;
pub mod record;
pub mod result;
pub mod scene;
pub mod sheet;
pub mod text;
pub mod walk;
pub mod way;
pub mod words;
pub mod write;

#[cfg(not(target_arch = "wasm32"))]
pub use course::catalog;
pub use course::{Course, Folder};
pub use desk::Desk;
pub use grade::{Report, Scope, StepReport, StepState, TurnHint, grade};
pub use model::{File, Lesson};
pub use progress::Progress;
pub use record::Record;
pub use scene::Scene;
