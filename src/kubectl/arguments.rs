//! Which objects a command line names (cli-runtime's resource builder): `svc web`, `svc/web pod/a`, `svc,pods`, `all`,
//! with its errors.

use crate::api::object::Object;
use crate::apiserver::resource::{self, Resource};
use crate::apiserver::store::Store;
use crate::kubectl::call::{Call, own};
use crate::kubectl::failure::Failure;
use crate::kubectl::manifest::items;
use crate::kubectl::selector::{FieldSelector, LabelSelector};
use std::sync::Arc;

/// What is asked for.
#[derive(Clone, Debug)]
pub enum Ask {
    /// Objects by name, in the order of the command line.
    Named(Vec<(Resource, String)>),
    /// All objects of these resources.
    All(Vec<Resource>),
}

/// The resource of a word.
pub fn resource(store: &Store, word: &str) -> Result<Resource, Failure> {
    resource::find_word(store, word).ok_or_else(|| {
        let quote = crate::api::json::quote;
        own(match word.split_once('.') {
            Some((name, group)) => {
                format!("the server doesn't have a resource type {} in group {}", quote(name), quote(group))
            }
            None => format!("the server doesn't have a resource type {}", quote(word)),
        })
    })
}

/// The resources of a list of words; a category such as `all` stands for several.
fn resources(store: &Store, words: &str) -> Result<Vec<Resource>, Failure> {
    let mut found: Vec<Resource> = Vec::new();
    let mut add = |one: Resource| {
        if !found.iter().any(|f| f.plural == one.plural && f.group() == one.group()) {
            found.push(one);
        }
    };
    for word in words.split(',').filter(|w| !w.is_empty()) {
        let category: Vec<Resource> = resource::all(store).filter(|r| r.categories.iter().any(|c| c == word)).collect();
        if category.is_empty() {
            add(resource(store, word)?);
        }
        category.into_iter().for_each(&mut add);
    }
    Ok(found)
}

/// Reads the arguments. `select_all` is `--all`, `selected` whether a selector was given; `empty_is_all` says that a bare
/// resource means all of its objects (as for `get`).
pub fn ask(
    store: &Store,
    args: &[String],
    select_all: bool,
    selected: bool,
    empty_is_all: bool,
) -> Result<Ask, Failure> {
    let slashes = args.iter().filter(|a| a.contains('/')).count();
    if slashes > 0 {
        if slashes != args.len() {
            return Err(own(
                "there is no need to specify a resource type as a separate argument when passing arguments in resource/name form (e.g. 'kubectl get resource/<resource_name>' instead of 'kubectl get resource resource/<resource_name>'",
            ));
        }
        let mut named = Vec::new();
        for arg in args {
            let parts: Vec<&str> = arg.split('/').collect();
            let [kind, name] = parts[..] else {
                return Err(own("arguments in resource/name form may not have more than one slash"));
            };
            if kind.is_empty() || name.is_empty() || kind.contains(',') {
                return Err(own("arguments in resource/name form must have a single resource and name"));
            }
            named.push((resource(store, kind)?, name.to_string()));
        }
        if select_all || selected {
            return Err(own("selectors and the all flag cannot be used when passing resource/name arguments"));
        }
        return Ok(Ask::Named(named));
    }
    let Some((kinds, names)) = args.split_first() else { return Ok(Ask::All(Vec::new())) };
    let found = resources(store, kinds)?;
    if names.is_empty() {
        if select_all || selected || empty_is_all {
            return Ok(Ask::All(found));
        }
        return Err(own("resource(s) were provided, but no name was specified"));
    }
    if found.len() > 1 && (selected || select_all) {
        return Err(own("selectors and the all flag cannot be used when passing resource/name arguments"));
    }
    // `--all` is the selector that everything fits.
    if selected || select_all {
        return Err(own("name cannot be provided when a selector is specified"));
    }
    // `svc,pods web` is `svc/web pods/web`.
    let pairs = found.iter().flat_map(|kind| names.iter().map(|name| (kind.clone(), name.clone())));
    Ok(Ask::Named(pairs.collect()))
}

/// An object that a command works on.
#[derive(Clone, Debug)]
pub struct Target {
    pub resource: Resource,
    pub object: Arc<Object>,
}

impl Target {
    pub fn name(&self) -> &str {
        self.object.name()
    }

    pub fn namespace(&self) -> &str {
        self.object.namespace()
    }

    /// `deployment.apps/web`.
    pub fn shown(&self) -> String {
        format!("{}/{}", self.resource.kind_with_group(), self.name())
    }
}

impl Call<'_> {
    /// `-l` and `--field-selector` for a resource. The server reads them, so what is wrong comes from there.
    pub fn selectors(&self, resource: &Resource) -> Result<(LabelSelector, FieldSelector), Failure> {
        let read = || {
            let labels = LabelSelector::parse(self.flags.text("selector"))?;
            let fields = FieldSelector::parse(self.flags.text("field-selector"))?;
            fields.check(&resource.stored)?;
            Ok((labels, fields))
        };
        read().map_err(|problem: String| {
            let quote = crate::api::json::quote;
            let version = if resource.group().is_empty() { "/v1" } else { &resource.group_version };
            let mut status = crate::apiserver::status::Status::bad_request(format!(
                "Unable to find {} that match label selector {}, field selector {}: {problem}",
                quote(&format!("{version}, Resource={}", resource.plural)),
                quote(self.flags.text("selector").trim()),
                quote(self.flags.text("field-selector").trim()),
            ));
            status.reason = "BadRequest";
            Failure::from(status)
        })
    }

    /// Whether a selector was given.
    pub fn is_selected(&self) -> bool {
        !self.flags.text("selector").is_empty() || !self.flags.text("field-selector").is_empty()
    }

    /// The namespace that lists look into: empty with `-A`.
    pub fn list_namespace(&self) -> String {
        if self.flags.is_on("all-namespaces") { String::new() } else { self.namespace() }
    }

    /// The objects of a resource that the selectors let through.
    pub fn matching(&mut self, resource: &Resource) -> Result<Vec<Arc<Object>>, Failure> {
        let (labels, fields) = self.selectors(resource)?;
        let namespace = self.list_namespace();
        let mut objects = self.list(resource, &namespace);
        objects.retain(|o| labels.matches(o) && fields.matches(o));
        Ok(objects)
    }

    /// The objects that arguments or `-f` name, for commands that change them. What is missing becomes an error of the call.
    pub fn targets(&mut self, args: &[String], empty_is_all: bool) -> Result<Vec<Target>, Failure> {
        let mut targets = Vec::new();
        if self.flags.has("filename") {
            if !args.is_empty() {
                return Err(own(
                    "when paths, URLs, or stdin is provided as input, you may not specify resource arguments as well",
                ));
            }
            let files = self.filenames()?;
            let options = self.options()?;
            for item in items(self.cluster.store(), &files, &options) {
                match item {
                    Ok(item) => match self.get(&item.resource, &item.namespace, &item.name) {
                        Ok(object) => targets.push(Target { resource: item.resource, object }),
                        Err(status) => self.fail(status),
                    },
                    Err(failure) => self.fail(failure),
                }
            }
            return Ok(targets);
        }
        let all = self.flags.is_on("all");
        match ask(self.cluster.store(), args, all, self.is_selected(), empty_is_all)? {
            Ask::Named(named) => {
                if self.flags.is_on("all-namespaces") {
                    return Err(own("a resource cannot be retrieved by name across all namespaces"));
                }
                let namespace = self.namespace();
                for (resource, name) in named {
                    match self.get(&resource, &namespace, &name) {
                        Ok(object) => targets.push(Target { resource, object }),
                        Err(status) => self.fail(status),
                    }
                }
            }
            Ask::All(resources) => {
                for resource in resources {
                    for object in self.matching(&resource)? {
                        targets.push(Target { resource: resource.clone(), object });
                    }
                }
            }
        }
        Ok(targets)
    }

    /// How an object's way through a command is told: `-o name|yaml|json` prints it, otherwise `kind/name operation`.
    pub fn print_done(
        &mut self,
        resource: &Resource,
        object: &crate::api::value::Value,
        operation: &str,
    ) -> Result<(), Failure> {
        use crate::kubectl::output::{Format, shown};
        use crate::kubectl::run::DryRun;
        let name = object.str_at(&["metadata", "name"]).to_string();
        let output = self.flags.text("output").to_string();
        if !output.is_empty() {
            let files = self.files;
            let format = Format::parse(&output, &|p| files.read(p)).map_err(own)?;
            if !format.is_table() {
                let text = match format {
                    Format::Name => format!("{}/{name}\n", resource.kind_with_group()),
                    _ => format.print(&shown(object), &name).map_err(own)?,
                };
                self.streams.out.push_str(&text);
                return Ok(());
            }
        }
        let suffix = match self.dry_run()? {
            DryRun::None => "",
            DryRun::Client => " (dry run)",
            DryRun::Server => " (server dry run)",
        };
        self.say(format!("{}/{name} {operation}{suffix}", resource.kind_with_group()));
        Ok(())
    }
}
