//! An examination in pieces: a cluster of ten thousand objects takes seconds, in which a page has to go on living.

use super::probe::Probe;
use super::read::{Read, Reading};
use super::stand::Standing;
use super::{Report, Stand, aside, ask, gates, judge};
use crate::api::object::Object;
use crate::arrange::Arrange;
use crate::workspace::File;
use std::collections::VecDeque;
use std::sync::Arc;

/// An examination on its way. Each [`step`](Examination::step) does a piece of it, some milliseconds; the order of its parts is
/// always the same, so what comes out is, too.
pub struct Examination {
    part: Part,
    /// How many files there are.
    files: usize,
}

/// What an examination is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    Reading,
    Standing,
    /// Services that were asked, of all.
    Asking(usize, usize),
}

enum Part {
    Reading(VecDeque<File>, Option<Reading>, Read),
    Standing(Box<Standing>),
    Asking(Box<Asking>),
    Done(Arc<Stand>, Report),
    /// Between two parts, and once the result was taken away.
    Empty,
}

struct Asking {
    probe: Probe,
    report: Report,
    services: VecDeque<Arc<Object>>,
    /// How many Services there were.
    all: usize,
    /// Whether it has been said that DNS does not work.
    dns_told: bool,
    /// The gates, once all Services were asked.
    gates: Option<gates::Walk>,
}

/// Up to where, in thousandths of the whole, files are read and the cluster stands. Reading takes longest.
const READ: usize = 450;
const STANDS: usize = 650;
const WHOLE: usize = 1_000;

impl Examination {
    pub fn new(files: Vec<File>) -> Examination {
        Examination { files: files.len(), part: Part::Reading(files.into(), None, Read::default()) }
    }

    /// Does the next piece: reads a part of a file, stands a part of the cluster up, asks a Service or a gate.
    pub fn step(&mut self) {
        self.part = match std::mem::replace(&mut self.part, Part::Empty) {
            Part::Reading(files, Some(mut reading), mut read) => {
                let reading = if read.go_on(&mut reading) { None } else { Some(reading) };
                Part::Reading(files, reading, read)
            }
            Part::Reading(mut files, None, mut read) => match files.pop_front() {
                Some(file) => {
                    let reading = read.begin(file);
                    Part::Reading(files, reading, read)
                }
                None => Part::Standing(Box::new(Standing::new(read))),
            },
            Part::Standing(mut standing) => match standing.step() {
                Some(stand) => Part::Asking(Box::new(Asking::new(stand))),
                None => Part::Standing(standing),
            },
            Part::Asking(mut asking) => match asking.step() {
                true => {
                    let (stand, report) = asking.conclude();
                    Part::Done(stand, report)
                }
                false => Part::Asking(asking),
            },
            other => other,
        };
    }

    /// How much is done, and of how much.
    pub fn progress(&self) -> (usize, usize) {
        let done = match &self.part {
            Part::Reading(files, reading, _) => {
                let begun = self.files - files.len();
                let hundredths = match reading {
                    Some(reading) => (begun - 1) * 100 + reading.percent().min(100),
                    None => begun * 100,
                };
                READ * hundredths / (self.files * 100).max(1)
            }
            Part::Standing(standing) => READ + (STANDS - READ) * standing.percent() / 100,
            Part::Asking(asking) => {
                STANDS + (WHOLE - 1 - STANDS) * (asking.all - asking.services.len()) / asking.all.max(1)
            }
            Part::Done(..) | Part::Empty => WHOLE,
        };
        (done, WHOLE)
    }

    /// What it is at.
    pub fn at(&self) -> At {
        match &self.part {
            Part::Reading(..) => At::Reading,
            Part::Standing(_) => At::Standing,
            Part::Asking(asking) => At::Asking(asking.all - asking.services.len(), asking.all),
            Part::Done(..) | Part::Empty => At::Asking(0, 0),
        }
    }

    /// What came out, once, when it is done.
    pub fn take(&mut self) -> Option<(Arc<Stand>, Report)> {
        match std::mem::replace(&mut self.part, Part::Empty) {
            Part::Done(stand, report) => Some((stand, report)),
            other => {
                self.part = other;
                None
            }
        }
    }

    /// All of it at once.
    pub fn finish(mut self) -> (Arc<Stand>, Report) {
        loop {
            self.step();
            if let Some(result) = self.take() {
                return result;
            }
        }
    }
}

impl Asking {
    fn new(stand: Stand) -> Asking {
        let mut report = Report { snapshot: stand.snapshot, objects: stand.objects, ..Report::default() };
        report.findings.extend(stand.notes.iter().cloned());
        report.findings.extend(judge::diagnostics(&stand));
        report.findings.extend(aside::findings(&stand));
        let probe = Probe::new(Arc::new(stand));
        let services: VecDeque<Arc<Object>> = ask::services(&probe).into();
        Asking { probe, report, all: services.len(), services, dns_told: false, gates: None }
    }

    /// Asks the next Service, or the gates. `true`: nobody is left to ask.
    fn step(&mut self) -> bool {
        if let Some(service) = self.services.pop_front() {
            ask::service(&mut self.probe, &mut self.report, &service, &mut self.dns_told);
            return false;
        }
        match &mut self.gates {
            Some(gates) => gates.step(&mut self.probe, &mut self.report),
            None => {
                self.gates = Some(gates::Walk::new(&self.probe));
                false
            }
        }
    }

    /// The order in which it is all told, and where each finding stands.
    fn conclude(self) -> (Arc<Stand>, Report) {
        let (stand, mut report) = (self.probe.stand, self.report);
        judge::locate(&stand, &mut report.findings);
        report.doors.arrange_by(|a, b| (a.verdict, &a.object, &a.address).cmp(&(b.verdict, &b.object, &b.address)));
        report.findings.arrange_by(|a, b| {
            (a.severity, &a.object, &a.door, &a.rule, &a.cause)
                .cmp(&(b.severity, &b.object, &b.door, &b.rule, &b.cause))
        });
        report.findings.dedup();
        (stand, report)
    }
}
