//! Files and the system: ls, touch, rm, mkdir, cp, mv, pwd, date, whoami, id, uname, which, test, printenv, clear.

use super::Ctx;
use crate::runtime::volumes::Entry;
use crate::shell::condition;
use crate::shell::world::Event;

pub fn printenv(ctx: &mut Ctx) -> i32 {
    let wanted: Vec<String> = ctx.args().to_vec();
    let pairs: Vec<(String, String)> = ctx.env.exported().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    if wanted.is_empty() {
        pairs.iter().for_each(|(k, v)| ctx.say(format!("{k}={v}")));
        return 0;
    }
    let mut code = 0;
    for name in wanted {
        match pairs.iter().find(|(k, _)| *k == name) {
            Some((_, value)) => ctx.say(value),
            None => code = 1,
        }
    }
    code
}

fn operands(ctx: &Ctx) -> Vec<String> {
    ctx.args().iter().filter(|a| !a.starts_with('-') || a.len() == 1).cloned().collect()
}

pub fn ls(ctx: &mut Ctx) -> i32 {
    let flags: String = ctx.args().iter().filter(|a| a.starts_with('-')).cloned().collect();
    let mut paths = operands(ctx);
    if paths.is_empty() {
        paths.push(".".to_string());
    }
    let many = paths.len() > 1;
    let mut code = 0;
    for path in &paths {
        if ctx.world.is_file(ctx.env, path) {
            let line = if flags.contains('l') { long_line(ctx, path, path) } else { path.clone() };
            ctx.say(line);
            continue;
        }
        let Some(names) = ctx.world.list(ctx.env, path) else {
            let words = if ctx.env.place.is_busybox() {
                format!("ls: {path}: No such file or directory")
            } else {
                format!("ls: cannot access '{path}': No such file or directory")
            };
            ctx.complain(words);
            code = if ctx.env.place.is_busybox() { 1 } else { 2 };
            continue;
        };
        if many {
            ctx.say(format!("{path}:"));
        }
        for name in names.iter().filter(|n| !n.starts_with('.') || flags.contains(['a', 'A'])) {
            if flags.contains('l') {
                let line = long_line(ctx, &format!("{}/{name}", path.trim_end_matches('/')), name);
                ctx.say(line);
            } else {
                ctx.say(name);
            }
        }
    }
    code
}

/// A line of `ls -l`.
fn long_line(ctx: &Ctx, path: &str, name: &str) -> String {
    let user = ctx.env.place.user();
    let (kind, size, name) = match ctx.world.mounted(ctx.env, path) {
        Some(Entry::File { link: Some(link), .. } | Entry::Folder { link: Some(link) }) => {
            ("lrwxrwxrwx".to_string(), link.len(), format!("{name} -> {link}"))
        }
        Some(Entry::File { mode, text, .. }) => (format!("-{}", permissions(mode)), text.len(), name.to_string()),
        Some(Entry::Folder { .. }) => ("drwxr-xr-x".to_string(), 4_096, name.to_string()),
        None => {
            let text = ctx.world.read(ctx.env, path);
            let kind = if text.is_some() { "-rw-r--r--" } else { "drwxr-xr-x" };
            (kind.to_string(), text.map_or(4_096, |t| t.len()), name.to_string())
        }
    };
    format!("{kind} 1 {user} {user} {size:>6} Jan  1 00:00 {name}")
}

/// `rw-r--r--`.
fn permissions(mode: u32) -> String {
    (0..9).map(|bit| if mode >> (8 - bit) & 1 == 1 { ['r', 'w', 'x'][bit as usize % 3] } else { '-' }).collect()
}

pub fn touch(ctx: &mut Ctx) -> i32 {
    let paths = operands(ctx);
    if paths.is_empty() {
        ctx.complain("touch: missing file operand");
        return 1;
    }
    let mut code = 0;
    for path in paths {
        if !ctx.world.is_file(ctx.env, &path)
            && let Err(why) = ctx.world.write(ctx.env, &path, "")
            && why != "Is a directory"
        {
            ctx.complain(format!("touch: {path}: {why}"));
            code = 1;
        }
    }
    code
}

pub fn rm(ctx: &mut Ctx) -> i32 {
    let flags: String = ctx.args().iter().filter(|a| a.starts_with('-')).cloned().collect();
    let mut code = 0;
    for path in operands(ctx) {
        if ctx.world.is_file(ctx.env, &path) {
            code |= take_away(ctx, &path);
        } else if ctx.world.is_folder(ctx.env, &path) {
            if !flags.contains(['r', 'R']) {
                ctx.complain(format!("rm: cannot remove '{path}': Is a directory"));
                code = 1;
                continue;
            }
            for name in ctx.world.list(ctx.env, &path).unwrap_or_default() {
                let inner = format!("{}/{name}", path.trim_end_matches('/'));
                if ctx.world.is_file(ctx.env, &inner) {
                    code |= take_away(ctx, &inner);
                }
            }
        } else if !flags.contains('f') {
            let busybox = ctx.env.place.is_busybox();
            ctx.complain(if busybox {
                format!("rm: can't remove '{path}': No such file or directory")
            } else {
                format!("rm: cannot remove '{path}': No such file or directory")
            });
            code = 1;
        }
    }
    code
}

fn take_away(ctx: &mut Ctx, path: &str) -> i32 {
    let Err(why) = ctx.world.remove(ctx.env, path) else { return 0 };
    let name = ctx.name().to_string();
    let cannot = if ctx.env.place.is_busybox() { "can't" } else { "cannot" };
    ctx.complain(format!("{name}: {cannot} remove '{path}': {why}"));
    1
}

pub fn mkdir(ctx: &mut Ctx) -> i32 {
    // A folder is there as soon as something is in it.
    for path in operands(ctx) {
        let keep = format!("{}/.keep", path.trim_end_matches('/'));
        if let Err(why) = ctx.world.write(ctx.env, &keep, "") {
            ctx.complain(format!("mkdir: cannot create directory '{path}': {why}"));
            return 1;
        }
    }
    0
}

fn copy(ctx: &mut Ctx, remove: bool) -> i32 {
    let paths = operands(ctx);
    let name = ctx.name().to_string();
    let [from, to] = &paths[..] else {
        ctx.complain(format!("{name}: missing destination file operand"));
        return 1;
    };
    let Some(text) = ctx.world.read(ctx.env, from) else {
        ctx.complain(format!("{name}: cannot stat '{from}': No such file or directory"));
        return 1;
    };
    let target = if ctx.world.is_folder(ctx.env, to) {
        format!("{}/{}", to.trim_end_matches('/'), from.rsplit('/').next().unwrap_or(from))
    } else {
        to.clone()
    };
    if let Err(why) = ctx.world.write(ctx.env, &target, &text) {
        ctx.complain(format!("{name}: cannot create regular file '{target}': {why}"));
        return 1;
    }
    if remove { take_away(ctx, from) } else { 0 }
}

pub fn cp(ctx: &mut Ctx) -> i32 {
    copy(ctx, false)
}

pub fn mv(ctx: &mut Ctx) -> i32 {
    copy(ctx, true)
}

pub fn pwd(ctx: &mut Ctx) -> i32 {
    let folder = ctx.env.folder.clone();
    ctx.say(folder);
    0
}

pub fn date(ctx: &mut Ctx) -> i32 {
    let now = ctx.world.cluster.now().to_string();
    if let Some(format) = ctx.args().iter().find_map(|a| a.strip_prefix('+').map(str::to_string)) {
        let seconds = crate::api::time::EPOCH_SECS + ctx.world.cluster.now().0 / 1_000_000;
        let mut text = format.replace("%s", &seconds.to_string()).replace("%F", "%Y-%m-%d").replace("%T", "%H:%M:%S");
        for (mark, range) in [("%Y", 0..4), ("%m", 5..7), ("%d", 8..10), ("%H", 11..13), ("%M", 14..16), ("%S", 17..19)]
        {
            text = text.replace(mark, now.get(range).unwrap_or(""));
        }
        ctx.say(text);
        return 0;
    }
    let text = ctx.world.cluster.now().as_date_says();
    ctx.say(text);
    0
}

pub fn whoami(ctx: &mut Ctx) -> i32 {
    let user = ctx.env.place.user();
    ctx.say(user);
    0
}

pub fn id(ctx: &mut Ctx) -> i32 {
    let root = ctx.env.place.user() == "root";
    ctx.say(if root {
        "uid=0(root) gid=0(root) groups=0(root)"
    } else {
        "uid=1000(learner) gid=1000(learner) groups=1000(learner)"
    });
    0
}

pub fn uname(ctx: &mut Ctx) -> i32 {
    let all = ctx.args().iter().any(|a| a == "-a");
    let text = if all {
        format!("Linux {} 6.12.0 #1 SMP PREEMPT_DYNAMIC x86_64 GNU/Linux", ctx.env.place.hostname())
    } else if ctx.args().iter().any(|a| a == "-r") {
        "6.12.0".to_string()
    } else {
        "Linux".to_string()
    };
    ctx.say(text);
    0
}

pub fn which(ctx: &mut Ctx) -> i32 {
    let mut code = 0;
    for name in operands(ctx) {
        let known = super::names(ctx.world, ctx.env).contains(&name.as_str());
        if known { ctx.say(format!("/usr/bin/{name}")) } else { code = 1 }
    }
    code
}

pub fn test(ctx: &mut Ctx) -> i32 {
    let mut words: Vec<String> = ctx.args().to_vec();
    if ctx.name() == "[" && words.pop().as_deref() != Some("]") {
        ctx.complain("bash: [: missing `]'");
        return 2;
    }
    let texts: Vec<&str> = words.iter().map(String::as_str).collect();
    match condition::test(ctx.world, ctx.env, &texts) {
        Ok(truth) => i32::from(!truth),
        Err(problem) => {
            let name = ctx.name().to_string();
            ctx.complain(format!("bash: {name}: {problem}"));
            2
        }
    }
}

/// `chmod`: whether a file may be run is all that is kept of it.
pub fn chmod(ctx: &mut Ctx) -> i32 {
    let args: Vec<String> = ctx.args().iter().filter(|a| *a != "-R" && *a != "-v").cloned().collect();
    let Some((mode, files)) = args.split_first().filter(|(_, f)| !f.is_empty()) else {
        ctx.complain("chmod: missing operand");
        return 1;
    };
    let runs = match mode.split_once(['+', '-', '=']) {
        Some((_, kinds)) => kinds.contains('x').then(|| !mode.contains('-')),
        None => mode.chars().all(|c| c.is_digit(8)).then(|| mode.contains(['1', '3', '5', '7'])),
    };
    let mut code = 0;
    for path in files {
        if !ctx.world.is_file(ctx.env, path) && !ctx.world.is_folder(ctx.env, path) {
            ctx.complain(format!("chmod: cannot access '{path}': No such file or directory"));
            code = 1;
            continue;
        }
        let key = (ctx.env.place.hostname().to_string(), ctx.env.absolute(path));
        match runs {
            Some(true) => drop(ctx.world.computer.executable.insert(key)),
            Some(false) => drop(ctx.world.computer.executable.remove(&key)),
            None => {}
        }
    }
    code
}

pub fn clear(ctx: &mut Ctx) -> i32 {
    ctx.world.events.push(Event::Clear);
    0
}

/// The lines typed so far, numbered; `history N` shows the last ones.
pub fn history(ctx: &mut Ctx) -> i32 {
    let lines = ctx.world.computer.history.clone();
    let most = ctx.args().first().and_then(|n| n.parse().ok()).unwrap_or(lines.len());
    for (i, line) in lines.iter().enumerate().skip(lines.len().saturating_sub(most)) {
        ctx.say(format!("{:>5}  {line}", i + 1));
    }
    0
}
