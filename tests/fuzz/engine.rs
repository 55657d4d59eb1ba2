//! Runs a target over many inputs and tells what broke it.

use crate::coverage::Coverage;
use crate::targets::Target;
use crate::{memory, mutate, seeds};
use std::fmt;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What one input may allocate.
const MOST_MEMORY: usize = 512 << 20;
/// How many seconds of the processor one input may take before it counts as endless. Far from what any takes. The clock on the
/// wall does not count where the system tells the other: a run that others leave little to is slow and not endless.
const PATIENCE_SECS: u64 = 60;
/// The longest input. Longer ones are a matter of other tests.
const LONGEST: usize = 64 << 10;
/// How long an input mostly is at most: many short ones try more than a long one does in the same time. One of thirty may be
/// as long as it likes.
const USUAL: usize = 1 << 10;
/// So many inputs run between two looks at the counters: the look goes over all of them and costs more than most inputs do.
const BATCH: usize = 64;
/// How a batch on disk begins.
const HEAD: &[u8] = b"fuzz batch\n";
/// A stack as small as a browser gives to WASM; what recurses without bound shows.
const STACK: usize = if cfg!(debug_assertions) { 8 << 20 } else { 2 << 20 };

/// What is to be run.
pub enum Plan {
    Inputs(u64),
    Replay(PathBuf),
}

/// What a run has seen.
pub struct Report {
    inputs: u64,
    corpus: usize,
    edges: Option<usize>,
    most_memory: usize,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { inputs, corpus, edges, most_memory } = self;
        write!(f, "{inputs} inputs, {corpus} kept, at most {} KB", most_memory >> 10)?;
        match edges {
            Some(edges) => write!(f, ", {edges} edges reached"),
            None => Ok(()),
        }
    }
}

/// The input that runs, for who has to tell which one it was.
#[derive(Default)]
struct Current {
    number: AtomicU64,
    bytes: Mutex<Vec<u8>>,
    done: AtomicBool,
}

pub struct Engine {
    target: &'static Target,
    corpus: Vec<Vec<u8>>,
    random: fastrand::Rng,
    coverage: Option<Coverage>,
    current: Arc<Current>,
    /// The batch that runs, where it outlives the process (a stack overflow leaves nothing else).
    last: Option<File>,
    folder: PathBuf,
    seed: u64,
    inputs: u64,
    most_memory: usize,
}

impl Engine {
    pub fn run(target: &'static Target, plan: Plan, seed: u64) -> Result<Report, String> {
        let current = Arc::new(Current::default());
        let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/target/fuzz")).join(target.name);
        fs::create_dir_all(folder.join("corpus")).map_err(|e| format!("{}: {e}", folder.display()))?;
        let watched = watch(current.clone(), target.name, folder.clone());
        let shared = current.clone();
        let work = move || {
            let last = File::create(folder.join(format!("last-{}", std::process::id()))).ok();
            let mut engine = Engine {
                target,
                corpus: Vec::new(),
                random: fastrand::Rng::with_seed(seed),
                coverage: Coverage::new(),
                current: shared,
                last,
                folder,
                seed,
                inputs: 0,
                most_memory: 0,
            };
            let outcome = engine.carry_out(plan);
            // Nothing broke, so nothing has to be told of the last input.
            let _ = fs::remove_file(engine.folder.join(format!("last-{}", std::process::id())));
            outcome
        };
        let worker = std::thread::Builder::new().stack_size(STACK).spawn(work).map_err(|e| e.to_string())?;
        let outcome = worker.join().map_err(|_| "the engine itself broke".to_string())?;
        current.done.store(true, Ordering::Relaxed);
        watched.thread().unpark();
        outcome
    }

    fn carry_out(&mut self, plan: Plan) -> Result<Report, String> {
        // A panic is told below, once, with its input; the default message would be told for each.
        let told: Arc<Mutex<String>> = Arc::default();
        let hook = told.clone();
        std::panic::set_hook(Box::new(move |info| *hook.lock().unwrap_or_else(|e| e.into_inner()) = info.to_string()));
        let outcome = self.inputs_of(plan, &told);
        drop(std::panic::take_hook());
        outcome
    }

    fn inputs_of(&mut self, plan: Plan, told: &Mutex<String>) -> Result<Report, String> {
        let count = match plan {
            Plan::Replay(file) => {
                let bytes = fs::read(&file).map_err(|e| format!("{}: {e}", file.display()))?;
                for bytes in unpacked(&bytes) {
                    println!("fuzz {}: an input of {} bytes", self.target.name, bytes.len());
                    self.try_one(bytes, told)?;
                }
                return Ok(self.report());
            }
            Plan::Inputs(count) => count,
        };
        for bytes in seeds::found(self.target.name) {
            self.try_one(&bytes, told)?;
        }
        let mut given = (self.target.seeds)();
        given.extend(seeds::kept(&self.folder.join("corpus")));
        given.retain(|g| g.len() <= LONGEST);
        // Short ones first: of two that reach the same, the one that runs sooner stays.
        given.sort_by_key(Vec::len);
        if self.coverage.is_none() {
            self.corpus = given;
        } else {
            for bytes in given {
                if self.try_one(&bytes, told)? || self.corpus.is_empty() {
                    self.corpus.push(bytes);
                }
            }
        }
        let mut batch: Vec<Vec<u8>> = Vec::new();
        while self.inputs < count {
            let size = BATCH.min((count - self.inputs) as usize);
            batch.resize(size, Vec::new());
            for bytes in &mut batch {
                self.make(bytes);
            }
            let before = self.inputs;
            self.write_down(&batch);
            if let Some(coverage) = &self.coverage {
                coverage.clear();
            }
            for bytes in &batch {
                self.run_one(bytes, told)?;
            }
            let fresh = self.coverage.as_ref().map_or_else(Vec::new, Coverage::fresh);
            if !fresh.is_empty() {
                // One of them reached something: which one is seen when each runs alone.
                for bytes in &batch {
                    if self.try_one(bytes, told)? {
                        self.keep(bytes.clone());
                    }
                }
                if let Some(coverage) = &mut self.coverage {
                    coverage.give_up(&fresh);
                }
                self.inputs = before + size as u64;
            }
            if self.inputs.ilog2() != before.max(1).ilog2() && self.inputs >= 1 << 16 {
                println!("fuzz {}: … {}", self.target.name, self.report());
            }
        }
        Ok(self.report())
    }

    /// Makes the next input. One that is what it was made of, or nothing but blanks, tells nothing and does not count.
    fn make(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..8 {
            let from = self.pick();
            bytes.clear();
            bytes.extend_from_slice(&self.corpus[from]);
            mutate::mutate(&mut self.random, bytes, &self.corpus, self.target.pieces);
            let most = if self.random.u8(..30) == 0 { LONGEST } else { USUAL.max(self.corpus[from].len()) };
            bytes.truncate(most);
            if *bytes != self.corpus[from] && !bytes.trim_ascii().is_empty() {
                return;
            }
        }
    }

    /// Which of the corpus is changed next: mostly a short one, since it runs sooner and a change in it means more.
    fn pick(&mut self) -> usize {
        let tries = if self.random.u8(..4) == 0 { 1 } else { 3 };
        let picks = (0..tries).map(|_| self.random.usize(..self.corpus.len()));
        picks.min_by_key(|at| self.corpus[*at].len()).unwrap_or(0)
    }

    /// Writes a batch where it outlives the process. If it cannot be written, the seed and the number still lead to the input.
    fn write_down(&mut self, batch: &[Vec<u8>]) {
        let Some(last) = &self.last else { return };
        // How many there are stands in front: what an earlier, longer batch left behind them does not count.
        let mut packed = HEAD.to_vec();
        packed.extend_from_slice(&(batch.len() as u32).to_le_bytes());
        for bytes in batch {
            packed.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
            packed.extend_from_slice(bytes);
        }
        let _ = last.write_all_at(&packed, 0);
    }

    /// Keeps an input that reached something new, here and for later runs.
    fn keep(&mut self, bytes: Vec<u8>) {
        let name = format!("{:016x}", seeds::hash(&bytes));
        // A corpus that cannot be kept costs the next run a little time.
        let _ = fs::write(self.folder.join("corpus").join(name), &bytes);
        self.corpus.push(bytes);
    }

    /// Runs one input alone. True when it reached something new.
    fn try_one(&mut self, bytes: &[u8], told: &Mutex<String>) -> Result<bool, String> {
        if let Some(coverage) = &self.coverage {
            coverage.clear();
        }
        self.run_one(bytes, told)?;
        Ok(self.coverage.as_mut().is_some_and(Coverage::take))
    }

    fn run_one(&mut self, bytes: &[u8], told: &Mutex<String>) -> Result<(), String> {
        self.inputs += 1;
        {
            let mut current = self.current.bytes.lock().unwrap_or_else(|e| e.into_inner());
            current.clear();
            current.extend_from_slice(bytes);
        }
        self.current.number.fetch_add(1, Ordering::Relaxed);
        let text = String::from_utf8_lossy(bytes);
        let run = self.target.run;
        let before = memory::begin();
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(&text)));
        let peak = memory::peak(before);
        self.most_memory = self.most_memory.max(peak);
        if outcome.is_err() {
            let words = told.lock().unwrap_or_else(|e| e.into_inner()).clone();
            return Err(self.broke(bytes, &words));
        }
        if peak > MOST_MEMORY {
            return Err(self.broke(bytes, &format!("it took {} MB of memory", peak >> 20)));
        }
        Ok(())
    }

    fn broke(&self, bytes: &[u8], why: &str) -> String {
        let path = self.folder.join(format!("broke-{:016x}", seeds::hash(bytes)));
        let kept = match fs::write(&path, bytes) {
            Ok(()) => format!("{}", path.display()),
            Err(e) => format!("it could not be kept: {e}"),
        };
        let text = String::from_utf8_lossy(bytes);
        let shown: String = text.chars().take(2_000).collect();
        format!("input {} of seed {} broke it: {why}\n{kept}\n{shown}", self.inputs, self.seed)
    }

    fn report(&self) -> Report {
        Report {
            inputs: self.inputs,
            corpus: self.corpus.len(),
            edges: self.coverage.as_ref().map(|c| c.edges),
            most_memory: self.most_memory,
        }
    }
}

/// The inputs of a file: of a batch, or the file itself.
fn unpacked(file: &[u8]) -> Vec<&[u8]> {
    let Some((count, mut rest)) = file.strip_prefix(HEAD).and_then(<[u8]>::split_first_chunk::<4>) else {
        return vec![file];
    };
    let mut all = Vec::new();
    while all.len() < u32::from_le_bytes(*count) as usize
        && let Some((length, more)) = rest.split_first_chunk::<4>()
    {
        let (bytes, more) = more.split_at((u32::from_le_bytes(*length) as usize).min(more.len()));
        all.push(bytes);
        rest = more;
    }
    all
}

/// How many seconds of the processor this process has had, as Linux tells it.
fn processor_seconds() -> Option<u64> {
    let told = fs::read_to_string("/proc/self/stat").ok()?;
    // Behind the name, which may hold anything: user and system time in hundredths.
    let times = told.rsplit_once(')')?.1.split_ascii_whitespace().skip(11).take(2);
    Some(times.filter_map(|t| t.parse::<u64>().ok()).sum::<u64>() / 100)
}

/// Ends the process when an input runs without end, and says which.
fn watch(current: Arc<Current>, name: &'static str, folder: PathBuf) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let (mut number, mut since, mut waited) = (0, 0, 0);
        while !current.done.load(Ordering::Relaxed) {
            std::thread::park_timeout(Duration::from_secs(1));
            waited += 1;
            let seconds = processor_seconds().unwrap_or(waited);
            let now = current.number.load(Ordering::Relaxed);
            if now != number {
                (number, since) = (now, seconds);
            }
            if seconds - since > PATIENCE_SECS && number > 0 && !current.done.load(Ordering::Relaxed) {
                let bytes = current.bytes.lock().unwrap_or_else(|e| e.into_inner()).clone();
                let path = folder.join(format!("endless-{:016x}", seeds::hash(&bytes)));
                // The text is printed as well.
                let _ = fs::write(&path, &bytes);
                let text = String::from_utf8_lossy(&bytes);
                println!("fuzz {name}: input {number} runs without end: {}\n{text}", path.display());
                println!("\ntest result: FAILED. 0 passed; 1 failed; 0 ignored");
                std::process::exit(1);
            }
        }
    })
}
