//! How many tests passed and failed, read from what the test runners print.

/// A number of tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub passed: u64,
    pub failed: u64,
}

impl Count {
    /// Adds what a line of output says.
    pub fn read(&mut self, line: &str) {
        let line = without_colours(line);
        let found = of_rust(&line).or_else(|| of_node(&line)).unwrap_or_default();
        self.add(found);
    }

    /// What all of a runner's tests came to, when those files ran a second time in which some had failed. A second attempt that
    /// breaks off counts less than it holds, so then all that had failed has failed.
    pub fn after_second_attempt(self, second: Self, sound: bool) -> Self {
        let failed = match second.failed {
            0 if sound && second.passed > 0 => 0,
            0 => self.failed,
            failed => failed.min(self.failed),
        };
        Count { passed: self.passed + self.failed - failed, failed }
    }

    pub fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

/// The failures of Node's runner, as its last part lists them: `test at tests/e2e/screen.test.mjs:12:1`, and on the next line
/// `✖ what it is about (12.3ms)`. A goal that is not reached yet is listed as well, its reason behind the time, and is no failure.
#[derive(Default)]
pub struct Failures {
    place: Option<String>,
    pub files: Vec<String>,
}

impl Failures {
    pub fn read(&mut self, line: &str) {
        let line = without_colours(line);
        if let Some(place) = line.strip_prefix("test at ") {
            self.place = place.rsplitn(3, ':').nth(2).map(str::to_string);
        } else if let Some(place) = self.place.take()
            && line.starts_with("✖ ")
            && line.ends_with("ms)")
        {
            self.files.push(place);
        }
    }
}

/// `test result: ok. 3 passed; 0 failed; 0 ignored; …`, of cargo's and of wasm-bindgen's runner.
fn of_rust(line: &str) -> Option<Count> {
    let (_, result) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let number = |word: &str| -> Option<u64> {
        result.split("; ").find_map(|part| part.strip_suffix(word)).and_then(|number| number.trim().parse().ok())
    };
    Some(Count { passed: number(" passed")?, failed: number(" failed")? })
}

/// `ℹ pass 3`, `ℹ fail 0` and `ℹ cancelled 0`, of Node's runner.
fn of_node(line: &str) -> Option<Count> {
    let (what, number) = line.strip_prefix("ℹ ")?.split_once(' ')?;
    let number = number.parse().ok()?;
    match what {
        "pass" => Some(Count { passed: number, failed: 0 }),
        "fail" | "cancelled" => Some(Count { passed: 0, failed: number }),
        _ => None,
    }
}

/// The line without terminal escapes (`ESC [ … letter`).
fn without_colours(line: &str) -> String {
    let mut plain = String::new();
    let mut chars = line.chars();
    while let Some(char) = chars.next() {
        if char == '\u{1b}' {
            chars.by_ref().skip(1).find(|char| char.is_ascii_alphabetic());
        } else {
            plain.push(char);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(lines: &str) -> Count {
        let mut count = Count::default();
        lines.lines().for_each(|line| count.read(line));
        count
    }

    #[test]
    fn cargo_prints_one_result_for_each_binary() {
        let printed = "running 3 tests\ntest a ... ok\n\
            test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s\n\
            test result: \u{1b}[31mFAILED\u{1b}[m. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out\n";
        assert_eq!(count(printed), Count { passed: 4, failed: 2 });
    }

    #[test]
    fn node_prints_each_number_on_a_line() {
        let printed = "✔ opens (12ms)\n\u{1b}[34mℹ tests 5\u{1b}[39m\n\u{1b}[34mℹ pass 3\u{1b}[39m\nℹ fail 1\n\
            ℹ cancelled 1\nℹ skipped 0\n";
        assert_eq!(count(printed), Count { passed: 3, failed: 2 });
    }

    #[test]
    fn what_fails_twice_has_failed() {
        let first = Count { passed: 5, failed: 2 };
        let after = |passed, failed, sound| first.after_second_attempt(Count { passed, failed }, sound);
        assert_eq!(after(3, 0, true), Count { passed: 7, failed: 0 });
        assert_eq!(after(2, 1, false), Count { passed: 6, failed: 1 });
        // It broke off, or something else failed the second time.
        assert_eq!(after(0, 0, false), first);
        assert_eq!(after(3, 0, false), first);
        assert_eq!(after(0, 0, true), first);
        assert_eq!(after(0, 3, false), first);
    }

    #[test]
    fn a_failure_of_node_names_its_file_and_a_goal_does_not() {
        let mut failures = Failures::default();
        let printed = "✖ failing tests:\n\ntest at tests/e2e/size.test.mjs:86:1\n✖ goal: smaller (9145.3ms) # not yet\n  stack\n\n\
            test at tests/e2e/screen.test.mjs:12:1\n\u{1b}[31m✖ sends (1070.0ms)\u{1b}[39m\n  at test at home:1:2\n✖ sends (1ms)\n";
        printed.lines().for_each(|line| failures.read(line));
        assert_eq!(failures.files, ["tests/e2e/screen.test.mjs"]);
    }

    #[test]
    fn a_test_that_prints_such_words_is_not_counted() {
        assert_eq!(count("12 passed; 0 failed\nresult: test result: ok. 1 passed\nℹ passage 3\n"), Count::default());
    }
}
