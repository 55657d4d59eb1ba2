//! kubectl in the shell: what it begins goes on here, and programs that it runs in containers are this shell's.

use super::{Inner, start as start_program};
use crate::api::object::ObjectKey;
use crate::api::time::Duration;
use crate::cluster::LoadBalancerProvider;
use crate::cluster::addons::Addon;
use crate::kubectl;
use crate::kubectl::call::{Exec, Follow, Forward, Next, Step, Streams};
use crate::kubectl::verbs::edit::{Edit, Saved};
use crate::network::client::PortForward;
use crate::shell::env::{Env, Place};
use crate::shell::machine::{Io, Poll, Process};
use crate::shell::world::{Event, HostFiles, World};

pub fn start(_: &mut World, env: Env, words: Vec<String>) -> Box<dyn Process> {
    Box::new(Kubectl { env, words, state: State::New })
}

enum State {
    New,
    Follow(Box<dyn Follow>),
    Exec {
        process: Box<dyn Process>,
        remove: Option<ObjectKey>,
        /// It reads what the terminal gives (`-i`).
        stdin: bool,
        told: bool,
        main: Option<(ObjectKey, String)>,
    },
    /// An editor is open.
    Edit(Box<Edit>),
    /// The ports, and how many connections have been told.
    Forward(Vec<Forward>, usize),
}

struct Kubectl {
    env: Env,
    words: Vec<String>,
    state: State,
}

impl Kubectl {
    fn reads_input(&self) -> bool {
        self.words.windows(2).any(|w| matches!(w[0].as_str(), "-f" | "--filename") && w[1] == "-")
            || self.words.iter().any(|w| w == "-f-" || w == "--filename=-")
    }

    fn go_on(&mut self, world: &mut World, next: Next, io: &mut Io) -> Poll {
        match next {
            Next::Done(code) => Poll::Done(code),
            Next::Follow(follow) => {
                self.state = State::Follow(follow);
                Poll::More
            }
            Next::Edit(edit) => {
                show_editor(world, &edit);
                self.state = State::Edit(edit);
                Poll::More
            }
            Next::Exec(exec) => {
                let (process, problem) = enter(world, &exec);
                if let Some(problem) = problem {
                    io.err.push_str(&problem);
                    if exec.remove_after {
                        remove(world, &exec.pod, io);
                    }
                    return Poll::Done(1);
                }
                let remove = exec.remove_after.then(|| exec.pod.clone());
                let main =
                    (exec.attached && !exec.remove_after).then(|| (exec.pod.clone(), exec.container.to_string()));
                self.state = State::Exec { process, remove, stdin: exec.stdin, told: exec.tty, main };
                Poll::More
            }
            Next::Forward(ports) => {
                let pod = ports.first().map(|p| p.pod.clone()).unwrap_or_default();
                for port in &ports {
                    let computer = &mut world.cluster.network_mut().computer;
                    if computer.forwards.iter().any(|f| f.local_port == port.local) {
                        io.err.push_str(&format!(
                            "Unable to listen on port {}: Listeners failed to create with the following errors: [unable to create listener: Error listen tcp4 127.0.0.1:{}: bind: address already in use]\nerror: unable to listen on any of the requested ports: [{{{} {}}}]\n",
                            port.local, port.local, port.local, port.remote
                        ));
                        return Poll::Done(1);
                    }
                }
                for port in &ports {
                    let computer = &mut world.cluster.network_mut().computer;
                    if !computer.forwards.iter().any(|f| f.local_port == port.local) {
                        computer.forwards.push(PortForward {
                            local_port: port.local,
                            named: pod.clone(),
                            pod: port.pod.clone(),
                            pod_port: port.remote,
                        });
                    }
                }
                self.state = State::Forward(ports, world.computer.connections.len());
                Poll::More
            }
        }
    }

    fn close(&mut self, world: &mut World) {
        if let State::Forward(ports, _) = &self.state {
            let locals: Vec<u16> = ports.iter().map(|p| p.local).collect();
            world.cluster.network_mut().computer.forwards.retain(|f| !locals.contains(&f.local_port));
        }
    }
}

/// Asks the host to open the editor.
fn show_editor(world: &mut World, edit: &Edit) {
    world.events.push(Event::Edit { file: edit.file.clone(), title: edit.title(), text: edit.text.clone() });
}

/// A pod is deleted when the command in it is done (`kubectl run --rm`).
fn remove(world: &mut World, pod: &ObjectKey, io: &mut Io) {
    if world.cluster.delete(pod, None).is_ok() {
        io.out.push_str(&format!("pod \"{}\" deleted from {} namespace\n", pod.name, pod.namespace));
    }
}

/// The environment of a program in a container.
pub fn container_env(world: &World, pod: &ObjectKey, container: &str) -> Option<Env> {
    let sandbox = world.cluster.runtime().get(pod)?;
    let running = sandbox.container(container)?;
    let place = Place::Container {
        pod: pod.clone(),
        container: running.name.clone(),
        image: running.image.clone(),
        hostname: sandbox.hostname.clone(),
    };
    let mut env = Env::new(place);
    for (name, value) in running.env.list(&sandbox.hostname) {
        env.export(&name, &value);
    }
    Some(env)
}

/// The program that an exec runs, or what is said when it cannot be.
fn enter(world: &mut World, exec: &Exec) -> (Box<dyn Process>, Option<String>) {
    let nothing = || -> Box<dyn Process> { Box::new(super::Said { err: String::new(), code: 1 }) };
    let Some(env) = container_env(world, &exec.pod, &exec.container) else {
        return (nothing(), Some("error: unable to upgrade connection: container not found\n".to_string()));
    };
    let words = if exec.words.is_empty() { vec!["sh".to_string()] } else { exec.words.clone() };
    let name = words[0].rsplit('/').next().unwrap_or("").to_string();
    if !world.has_program(&env, &name) {
        let found = if words[0].contains('/') {
            format!("stat {}: no such file or directory", words[0])
        } else {
            format!("exec: {:?}: executable file not found in $PATH", words[0])
        };
        let text = format!(
            "error: Internal error occurred: error executing command in container: failed to exec in container: failed to create exec: OCI runtime exec failed: exec failed: unable to start container process: {found}\n"
        );
        return (nothing(), Some(text));
    }
    let shell = matches!(name.as_str(), "sh" | "bash" | "ash") && words.len() == 1;
    if shell && exec.stdin {
        return (Box::new(Inner { env: Some(env), greeting: exec.greeting.clone(), script: None }), None);
    }
    if shell {
        return (Box::new(super::Said { err: String::new(), code: 0 }), None);
    }
    (start_program(world, env, words), None)
}

impl Process for Kubectl {
    fn step(&mut self, world: &mut World, io: &mut Io) -> Poll {
        match &mut self.state {
            State::New => {
                if self.reads_input() && !io.input_ended {
                    return Poll::Input;
                }
                let input = if self.reads_input() { std::mem::take(&mut io.input) } else { String::new() };
                let words: Vec<String> = self.words[1..].to_vec();
                let mut config = std::mem::take(&mut world.computer.config);
                let own = std::mem::take(&mut world.computer.files);
                let files = HostFiles { files: &own, tabs: world.tabs, env: &self.env };
                let started = kubectl::start(world.cluster, &mut config, &files, &input, &words);
                world.computer.config = config;
                world.computer.files = own;
                // MetalLB gives addresses from the moment it is there.
                let metallb = |w: &String| w.contains("://") && Addon::of_address(w) == Some(Addon::MetalLb);
                if self.words.iter().any(metallb) && started.streams.out.contains("created") {
                    world.cluster.set_load_balancer(LoadBalancerProvider::MetalLb);
                }
                io.out.push_str(&started.streams.out);
                io.err.push_str(&started.streams.err);
                self.go_on(world, started.next, io)
            }
            State::Follow(follow) => {
                let mut streams = Streams::default();
                let step = follow.step(world.cluster, &mut streams);
                io.out.push_str(&streams.out);
                io.err.push_str(&streams.err);
                match step {
                    Step::Wait(until) => Poll::Wait(until.max(world.cluster.now() + Duration::millis(1))),
                    Step::Next(next) => self.go_on(world, next, io),
                }
            }
            State::Exec { process, remove: gone, stdin, told, main } => {
                let kept =
                    (!*stdin).then(|| (std::mem::take(&mut io.input), std::mem::replace(&mut io.input_ended, true)));
                let poll = process.step(world, io);
                if let Some(kept) = kept {
                    (io.input, io.input_ended) = kept;
                }
                let Poll::Done(code) = poll else { return poll };
                let (gone, told) = (gone.take(), *told);
                if code != 0 && gone.is_none() && !(told && code == 130) {
                    io.err.push_str(&format!("command terminated with exit code {code}\n"));
                }
                if let Some(pod) = gone {
                    remove(world, &pod, io);
                }
                if let Some((pod, container)) = main.take() {
                    // The session was the container's own process: with it the container ends.
                    let ended = crate::runtime::Program::Exit { after: Duration::ZERO, code };
                    world.cluster.change_container(&pod, &container, |c| c.program = ended);
                }
                Poll::Done(code)
            }
            State::Edit(edit) => {
                let Some(saved) = world.computer.saved.remove(&edit.file) else {
                    return Poll::Wait(world.cluster.now() + Duration::millis(200));
                };
                let mut streams = Streams::default();
                // An editor that is closed leaves the file as it was.
                let text = saved.unwrap_or_else(|| edit.text.clone());
                let came = edit.saved(world.cluster, &text, &mut streams);
                if streams.err.contains(&edit.file) {
                    world.computer.files.insert(edit.file.clone(), text);
                }
                io.out.push_str(&streams.out);
                io.err.push_str(&streams.err);
                match came {
                    Saved::Done(code) => Poll::Done(code),
                    Saved::Again => {
                        show_editor(world, edit);
                        Poll::More
                    }
                }
            }
            State::Forward(ports, told) => {
                for port in &world.computer.connections[(*told).min(world.computer.connections.len())..] {
                    if ports.iter().any(|p| p.local == *port) {
                        io.out.push_str(&format!("Handling connection for {port}\n"));
                    }
                }
                *told = world.computer.connections.len();
                let pod = ports.first().map(|p| p.pod.clone()).unwrap_or_default();
                let alive = world.cluster.runtime().get(&pod).is_some();
                if !alive {
                    io.err.push_str("error: lost connection to pod\n");
                    self.close(world);
                    return Poll::Done(1);
                }
                Poll::Wait(world.cluster.now() + Duration::millis(500))
            }
        }
    }

    fn interrupt(&mut self, world: &mut World, io: &mut Io) {
        self.close(world);
        if let State::Exec { process, remove: gone, .. } = &mut self.state {
            process.interrupt(world, io);
            if let Some(pod) = gone.take() {
                remove(world, &pod, io);
            }
        }
    }
}
