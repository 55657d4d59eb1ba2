//! What happens before a pipeline runs: words are expanded, variables set, files opened, functions, builtins and programs
//! found.

use super::compile;
use super::expand::{self, Found};
use super::machine::{DEEPEST, Io, Job, Kind, Left, Machine, Stage, Target};
use super::parse::{Assign, Assigned, Body, Command, Link, List, Part, Pipeline, Redirect, Word};
use super::world::World;
use super::{builtins, condition, programs};
use std::rc::Rc;

/// Why a command does not run.
pub(super) struct Trouble {
    words: String,
    /// The rest of the line does not run, either.
    ends_line: bool,
}

impl Trouble {
    /// A trouble of this command alone.
    fn of_command(words: String) -> Trouble {
        Trouble { words, ends_line: false }
    }
}

impl From<String> for Trouble {
    fn from(words: String) -> Trouble {
        Trouble { words, ends_line: true }
    }
}

/// Hands the shell's own input to a stage that inherits it; a second call hands back what is left.
pub(super) fn lend(io: &mut Io, stage: &mut Stage) {
    if stage.inherits {
        std::mem::swap(&mut io.input, &mut stage.io.input);
        stage.io.input_ended = io.input_ended;
    }
}

impl Machine {
    pub(super) fn run_pipeline(
        &mut self,
        world: &mut World,
        pipeline: Pipeline,
        checked: bool,
        found: &mut Found,
        io: &mut Io,
    ) {
        let single = pipeline.stages.len() == 1;
        let count = pipeline.stages.len();
        let mut stages = Vec::new();
        for (i, command) in pipeline.stages.iter().enumerate() {
            let mut stage = Stage {
                process: None,
                io: Io { tty: i + 1 == count && io.tty, piped: i > 0 || io.piped, ..Io::default() },
                inherits: i == 0,
                code: 0,
                outs: Vec::new(),
                wait: None,
            };
            let outcome = self.stage(world, command, found, &mut stage, single.then_some(&mut *io));
            if let Err(Trouble { words, ends_line }) = outcome {
                stage.io.err.push_str(&format!("bash: {words}\n"));
                stage.code = 1;
                if ends_line && single {
                    self.leave(Left::Line, 1);
                }
            }
            stages.push(stage);
        }
        self.job = Some(Job { stages, not: pipeline.not, checked });
    }

    /// Prepares one command of a pipeline. `alone`: it is the only one, and this is the shell's own input.
    fn stage(
        &mut self,
        world: &mut World,
        command: &Rc<Command>,
        found: &mut Found,
        stage: &mut Stage,
        alone: Option<&mut Io>,
    ) -> Result<(), Trouble> {
        let (assigns, words) = match &command.body {
            Body::Simple { assigns, words } => (assigns, words),
            Body::Background { line, body } => {
                let list = single_list(body);
                let machine = Machine::of(self.env.clone(), &list, self.depth + 1, Kind::Subshell);
                let Some((number, pid)) = world.jobs.send(machine, line.clone()) else {
                    return Err(Trouble::of_command("fork: retry: Resource temporarily unavailable".to_string()));
                };
                self.env.last_background = Some(pid);
                if self.depth == 0 {
                    stage.io.out.push_str(&format!("[{number}] {pid}\n"));
                }
                return Ok(());
            }
            Body::Function { name, body } => {
                self.env.functions.insert(name.clone(), body.clone());
                return Ok(());
            }
            Body::Test(test) => {
                stage.code = i32::from(!condition::holds(world, &mut self.env, test, found)?);
                return self.redirect(world, &command.redirects, found, stage);
            }
            Body::Arithmetic(parts) => {
                let sum = expand::text(world, &mut self.env, parts, found)?;
                let value = super::arithmetic::value(&mut self.env, &sum).map_err(|e| format!("((: {e}"))?;
                stage.code = i32::from(value == 0);
                return Ok(());
            }
            body => {
                self.redirect(world, &command.redirects, found, stage)?;
                if self.is_deepest() {
                    return Err("too many nested shells".to_string().into());
                }
                // A group is the list in it.
                let list = match body {
                    Body::Group { body, .. } => body.clone(),
                    other => single_list(&Command { body: other.clone(), redirects: Vec::new() }),
                };
                let own = alone.is_none() || matches!(body, Body::Group { subshell: true, .. });
                let kind = if own { Kind::Subshell } else { Kind::Shared };
                stage.process = Some(Box::new(Machine::of(self.env.clone(), &list, self.depth + 1, kind)));
                return Ok(());
            }
        };
        let mut expanded = Vec::new();
        let mut values = Vec::new();
        for assign in assigns {
            values.push(self.assigned(world, assign, found)?);
        }
        for word in words {
            expanded.extend(expand::word(world, &mut self.env, word, found)?);
        }
        if let Some(alias) = self.alias(words, &expanded) {
            expanded.splice(0..1, alias);
        }
        if self.env.options.xtrace && !expanded.is_empty() {
            let shown: Vec<String> = expanded.iter().map(|w| builtins::quoted(w)).collect();
            stage.io.err.push_str(&format!("+ {}\n", shown.join(" ")));
        }
        self.redirect(world, &command.redirects, found, stage)?;
        let declares = expanded.first().is_some_and(|w| builtins::declares(w));
        if expanded.is_empty() || declares {
            let name = expanded.first().cloned().unwrap_or_default();
            if name == "local" && self.env.function_depth == 0 {
                return Err(Trouble::of_command("local: can only be used in a function".to_string()));
            }
            for (assign, (index, texts)) in assigns.iter().zip(values) {
                if name == "local" {
                    self.env.shadow(&assign.name);
                }
                self.assign(assign, index, texts);
            }
            if !declares {
                stage.code = self.env.status * i32::from(has_substitution(assigns));
                return Ok(());
            }
        } else {
            return self.program(world, expanded, (assigns, values), stage, alone);
        }
        stage.code = builtins::run(self, world, &expanded, &mut stage.io);
        Ok(())
    }

    /// A function, a builtin or a program.
    fn program(
        &mut self,
        world: &mut World,
        expanded: Vec<String>,
        given: (&[Assign], Vec<(Option<i64>, Vec<String>)>),
        stage: &mut Stage,
        alone: Option<&mut Io>,
    ) -> Result<(), Trouble> {
        if let Some(body) = self.env.functions.get(&expanded[0]).cloned() {
            if self.is_deepest() {
                return Err(format!("{}: maximum function nesting level exceeded ({DEEPEST})", expanded[0]).into());
            }
            let kind = if alone.is_some() { Kind::Function } else { Kind::Subshell };
            let mut machine = Machine::of(self.env.clone(), &single_list(&body), self.depth + 1, kind);
            for (assign, (index, texts)) in given.0.iter().zip(given.1) {
                machine.assign(assign, index, texts);
            }
            let arguments = std::mem::replace(&mut machine.env.arguments, expanded[1..].to_vec());
            machine.caller = Some((arguments, std::mem::take(&mut machine.env.shadowed)));
            machine.env.function_depth += 1;
            stage.process = Some(Box::new(machine));
            return Ok(());
        }
        if builtins::is_builtin(&expanded[0]) {
            // Words before a builtin count for it alone.
            let before = (!given.0.is_empty()).then(|| self.env.variables.clone());
            for (assign, (index, texts)) in given.0.iter().zip(given.1) {
                self.assign(assign, index, texts);
            }
            if let Some(process) = builtins::start(self, world, &expanded).map_err(Trouble::of_command)? {
                stage.process = Some(process);
            } else if let Some(io) = alone {
                lend(io, stage);
                stage.code = builtins::run(self, world, &expanded, &mut stage.io);
                lend(io, stage);
            } else {
                // In a pipeline it is a process of its own.
                stage.process = Some(Box::new(builtins::Apart::new(self.subshell(), expanded.clone())));
            }
            if let Some(before) = before.filter(|_| expanded[0] != "export") {
                for assign in given.0 {
                    match before.get(&assign.name) {
                        Some(old) => drop(self.env.variables.insert(assign.name.clone(), old.clone())),
                        None => drop(self.env.variables.remove(&assign.name)),
                    }
                }
            }
            return Ok(());
        }
        let mut env = self.env.clone();
        for (assign, (_, texts)) in given.0.iter().zip(given.1) {
            env.export(&assign.name, &texts.join(" "));
        }
        stage.process = Some(programs::start(world, env, expanded));
        Ok(())
    }

    /// A shell of its own that knows what this one knows.
    pub fn subshell(&self) -> Machine {
        Machine::of(self.env.clone(), &List::default(), self.depth + 1, Kind::Subshell)
    }

    fn assigned(
        &mut self,
        world: &World,
        assign: &Assign,
        found: &mut Found,
    ) -> Result<(Option<i64>, Vec<String>), String> {
        let index = match &assign.index {
            Some(parts) => {
                let sum = expand::text(world, &mut self.env, parts, found)?;
                Some(super::arithmetic::value(&mut self.env, &sum)?)
            }
            None => None,
        };
        let texts = match &assign.value {
            Assigned::One(word) => vec![expand::text(world, &mut self.env, word, found)?],
            Assigned::List(items) => {
                let mut texts = Vec::new();
                for item in items {
                    texts.extend(expand::word(world, &mut self.env, item, found)?);
                }
                texts
            }
        };
        Ok((index, texts))
    }

    fn assign(&mut self, assign: &Assign, index: Option<i64>, texts: Vec<String>) {
        let env = &mut self.env;
        if matches!(assign.value, Assigned::List(_)) {
            let array = env.arrays.entry(assign.name.clone()).or_default();
            if !assign.append {
                array.clear();
            }
            let next = array.keys().next_back().map_or(0, |last| last + 1);
            array.extend(texts.into_iter().enumerate().map(|(i, text)| (next + i as i64, text)));
            env.variables.remove(&assign.name);
            return;
        }
        let before = if assign.append { env.element(&assign.name, index).unwrap_or_default() } else { String::new() };
        env.set_element(&assign.name, index, &(before + &texts.concat()));
    }

    /// The words of an alias, if the first word is one that was typed as it stands.
    fn alias(&self, words: &[Word], expanded: &[String]) -> Option<Vec<String>> {
        let [Part::Text { text, quoted: false }] = &words.first()?[..] else { return None };
        let value = self.env.aliases.get(text).filter(|_| expanded.first() == Some(text))?;
        let parsed = super::parse::parse(value).ok()?;
        if let [(Link::Then, Pipeline { not: false, stages })] = &parsed.0[..]
            && let [one] = &stages[..]
            && let Body::Simple { assigns, words } = &one.body
            && assigns.is_empty()
            && one.redirects.is_empty()
            && words.iter().flatten().all(|p| matches!(p, Part::Text { .. }))
        {
            return Some(words.iter().map(|w| super::lex::plain(w)).collect());
        }
        Some(vec!["eval".to_string(), value.clone()])
    }

    fn redirect(
        &mut self,
        world: &mut World,
        redirects: &[Redirect],
        found: &mut Found,
        stage: &mut Stage,
    ) -> Result<(), Trouble> {
        for redirect in redirects {
            match redirect {
                Redirect::Out { fd, file, append } => {
                    let path = expand::text(world, &mut self.env, file, found)?;
                    if world.is_folder(&self.env, &path) {
                        return Err(Trouble::of_command(format!("{path}: Is a directory")));
                    }
                    if !append || !world.is_file(&self.env, &path) {
                        world.write(&self.env, &path, "").map_err(|e| Trouble::of_command(format!("{path}: {e}")))?;
                    }
                    let fds: &[u8] = if *fd == 3 { &[1, 2] } else { std::slice::from_ref(fd) };
                    for fd in fds {
                        stage.io.tty &= *fd != 1;
                        stage.outs.push((*fd, Target::File(path.clone())));
                    }
                }
                Redirect::In(file) => {
                    let path = expand::text(world, &mut self.env, file, found)?;
                    let text = world
                        .read(&self.env, &path)
                        .ok_or_else(|| Trouble::of_command(format!("{path}: No such file or directory")))?;
                    (stage.io.input, stage.io.input_ended, stage.inherits) = (text, true, false);
                    stage.io.piped = true;
                }
                Redirect::Here { text, line_end } => {
                    let end = if *line_end { "\n" } else { "" };
                    let text = expand::text(world, &mut self.env, text, found)? + end;
                    (stage.io.input, stage.io.input_ended, stage.inherits) = (text, true, false);
                    stage.io.piped = true;
                }
                Redirect::Copy { fd, to } => stage.outs.push((*fd, Target::Copy(*to))),
            }
        }
        Ok(())
    }
}

/// A list of one command.
fn single_list(command: &Command) -> List {
    List(vec![(Link::Then, Pipeline { not: false, stages: vec![Rc::new(command.clone())] })])
}

fn has_substitution(assigns: &[Assign]) -> bool {
    let mut found = Vec::new();
    for assign in assigns {
        if let Assigned::One(word) = &assign.value {
            compile::in_word(word, &mut found);
        }
    }
    !found.is_empty()
}
