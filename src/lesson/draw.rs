//! Exam clusters drawn from a seed: some of a lesson's faults are put into its start files.

use super::model::*;
use crate::apiserver::write::Random;
use crate::arrange::Arrange;

/// The faults that a seed draws, in the order in which the lesson lists them. The same seed draws the same everywhere.
pub fn draw(draw: &Draw, seed: u64) -> Vec<&Fault> {
    let mut random = Random::new(seed);
    let mut left: Vec<usize> = (0..draw.faults.len()).collect();
    let mut chosen = Vec::new();
    while chosen.len() < draw.count && !left.is_empty() {
        let at = random.below(left.len() as u64) as usize;
        chosen.push(left.swap_remove(at));
    }
    chosen.arrange();
    chosen.into_iter().map(|i| &draw.faults[i]).collect()
}

/// The start files of a lesson, broken as the seed says. Without a draw they are what they are.
pub fn start_files(lesson: &Lesson, seed: u64) -> Vec<File> {
    let mut files = lesson.start.clone();
    if let Some(of) = &lesson.draw {
        for fault in draw(of, seed) {
            break_file(&mut files, fault);
        }
    }
    files
}

/// Puts one fault in.
pub fn break_file(files: &mut [File], fault: &Fault) {
    if let Some(file) = files.iter_mut().find(|f| f.name == fault.file) {
        file.text = file.text.replacen(fault.from.as_str(), &fault.to, 1);
    }
}
