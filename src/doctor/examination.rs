//! An examination in pieces: a cluster of ten thousand objects takes seconds, in which a page has to go on living.

use super::probe::Probe;
use super::{Read, Report, Stand, aside, ask, gates, judge, stand};
use crate::api::object::Object;
use crate::arrange::Arrange;
use crate::workspace::File;
use std::collections::VecDeque;
use std::sync::Arc;

/// An examination on its way. Each [`step`](Examination::step) does a piece of it; the order of its parts is always the same,
/// so what comes out is, too.
pub struct Examination {
    part: Part,
    /// Files that are read and Services that were asked, and how many there are of both as far as is known.
    done: usize,
    all: usize,
}

enum Part {
    Reading(VecDeque<File>, Read),
    Asking(Box<Asking>),
    Done(Arc<Stand>, Report),
    /// Between two parts, and once the result was taken away.
    Empty,
}

struct Asking {
    probe: Probe,
    report: Report,
    services: VecDeque<Arc<Object>>,
    /// Whether it has been said that DNS does not work.
    dns_told: bool,
}

impl Examination {
    pub fn new(files: Vec<File>) -> Examination {
        let all = files.len();
        Examination { part: Part::Reading(files.into(), Read::default()), done: 0, all }
    }

    /// Does the next piece: reads a file, stands the cluster up, asks a Service, or asks the gates.
    pub fn step(&mut self) {
        self.part = match std::mem::replace(&mut self.part, Part::Empty) {
            Part::Reading(mut files, mut read) => match files.pop_front() {
                Some(file) => {
                    read.file(file);
                    self.done += 1;
                    Part::Reading(files, read)
                }
                None => {
                    let asking = Asking::new(stand(read));
                    self.all += asking.services.len();
                    Part::Asking(Box::new(asking))
                }
            },
            Part::Asking(mut asking) => match asking.services.pop_front() {
                Some(service) => {
                    ask::service(&mut asking.probe, &mut asking.report, &service, &mut asking.dns_told);
                    self.done += 1;
                    Part::Asking(asking)
                }
                None => {
                    let (stand, report) = asking.conclude();
                    Part::Done(stand, report)
                }
            },
            other => other,
        };
    }

    /// How many pieces are done, and of how many: files and Services.
    pub fn progress(&self) -> (usize, usize) {
        (self.done, self.all)
    }

    /// What came out, once, when it is done.
    pub fn take(&mut self) -> Option<(Stand, Report)> {
        match std::mem::replace(&mut self.part, Part::Empty) {
            Part::Done(stand, report) => Some((Arc::unwrap_or_clone(stand), report)),
            other => {
                self.part = other;
                None
            }
        }
    }

    /// All of it at once.
    pub fn finish(mut self) -> (Stand, Report) {
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
        let services = ask::services(&probe).into();
        Asking { probe, report, services, dns_told: false }
    }

    /// What is asked last, and the order in which it is all told.
    fn conclude(mut self) -> (Arc<Stand>, Report) {
        gates::all(&mut self.probe, &mut self.report);
        let (stand, mut report) = (self.probe.stand, self.report);
        for finding in &mut report.findings {
            judge::locate(&stand, finding);
        }
        report.doors.arrange_by(|a, b| (a.verdict, &a.object, &a.address).cmp(&(b.verdict, &b.object, &b.address)));
        report.findings.arrange_by(|a, b| {
            (a.severity, &a.object, &a.door, &a.rule, &a.cause)
                .cmp(&(b.severity, &b.object, &b.door, &b.rule, &b.cause))
        });
        report.findings.dedup();
        (stand, report)
    }
}
