//! The command: what is built, where it goes, and whether it is tried.

use std::fs;
use std::path::{Path, PathBuf};

use super::server::Profile;
use super::target::Target;
use super::{binary, package, server, server_trial, trial};
use crate::failure::Failure;
use crate::metadata::Metadata;

/// Whether what was made is installed in a machine that is made for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trial {
    Make,
    Leave,
}

#[derive(Debug, PartialEq, Eq)]
struct Options {
    targets: Vec<Target>,
    trial: Trial,
    what: What,
    profile: Profile,
}

/// Which of the packages is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Both,
    Agent,
    Server,
}

pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let options = Options::parse(args)?;
    // The server is made for this computer, so whoever names another architecture means the agent.
    if options.what == What::Server || (options.what == What::Both && options.targets.is_empty()) {
        let why_not = make_server(options.profile, options.trial)?;
        why_not.into_iter().for_each(|why| println!("server not tried: {why}"));
    }
    let mut targets = options.targets;
    if targets.is_empty() && options.what != What::Server {
        targets.push(Target::own()?);
    }
    for target in targets {
        let (binary, package) = make(target)?;
        if options.trial == Trial::Leave {
            continue;
        }
        is_reproduced(target, &binary, &package)?;
        if let Some(why) = trial::run(target, &binary, &package)? {
            println!("not tried: {why}");
        }
    }
    Ok(())
}

/// Makes what this machine can run and tries it; why not, where it cannot be tried here.
pub(crate) fn try_here() -> Result<Option<String>, Failure> {
    let target = Target::own()?;
    let (binary, package) = make(target)?;
    is_reproduced(target, &binary, &package)?;
    let agent = trial::run(target, &binary, &package)?;
    // How well the compiler does its work is not what is tried, so the program is taken as the tests have built it.
    let server = make_server(Profile::Dev, Trial::Make)?;
    let whys: Vec<String> = agent.into_iter().chain(server).collect();
    Ok((!whys.is_empty()).then(|| whys.join("; ")))
}

/// Why the server's package was not tried, if it was to be.
fn make_server(profile: Profile, trial: Trial) -> Result<Option<String>, Failure> {
    let directory = Metadata::load()?.target_directory;
    let folder = match profile {
        Profile::Release => directory.join("dist"),
        // What is made for trying must not be taken for what is handed out.
        Profile::Dev => directory.join("dist").join("dev"),
    };
    let binary = server::build(profile, &directory, &folder)?;
    let package = server::make(&binary, profile, &folder)?;
    for path in [&binary, &package] {
        println!("{} ({} KiB)", path.display(), length(path).div_ceil(1024));
    }
    if trial == Trial::Leave {
        return Ok(None);
    }
    is_same_again(&package, |folder| server::make(&binary, profile, folder))?;
    server_trial::run(&package)
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |meta| meta.len())
}

/// A second package of the same program, made elsewhere and at another moment, is the same.
fn is_reproduced(target: Target, binary: &Path, package: &Path) -> Result<(), Failure> {
    is_same_again(package, |folder| package::make(binary, target, folder))
}

fn is_same_again(package: &Path, make: impl Fn(&Path) -> Result<PathBuf, Failure>) -> Result<(), Failure> {
    let folder = package.with_extension("again");
    let again = make(&folder)?;
    let read = |path: &Path| {
        fs::read(path).map_err(|source| Failure::Read { path: path.display().to_string(), source })
    };
    let same = read(package)? == read(&again)?;
    fs::remove_dir_all(&folder)
        .map_err(|source| Failure::Remove { path: folder.display().to_string(), source })?;
    if same {
        return Ok(());
    }
    let (what, expected) = (package.display().to_string(), "the same bytes a second time".to_owned());
    Err(Failure::Dist { what, expected, found: "others".to_owned() })
}

fn make(target: Target) -> Result<(PathBuf, PathBuf), Failure> {
    let directory = Metadata::load()?.target_directory;
    let folder = directory.join("dist");
    let built = binary::build(target, &directory)?;
    fs::create_dir_all(&folder)
        .map_err(|source| Failure::Write { path: folder.display().to_string(), source })?;
    let binary = folder.join(format!("smith-agent-{}", target.triple));
    fs::copy(&built, &binary)
        .map_err(|source| Failure::Write { path: binary.display().to_string(), source })?;
    let package = package::make(&binary, target, &folder)?;
    for path in [&binary, &package] {
        println!("{} ({} KiB)", path.display(), length(path).div_ceil(1024));
    }
    Ok((binary, package))
}

impl Options {
    fn parse(args: &[String]) -> Result<Self, Failure> {
        let mut options =
            Self { targets: Vec::new(), trial: Trial::Leave, what: What::Both, profile: Profile::Release };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--target" => {
                    let triple = args.next().map_or("nothing", String::as_str);
                    options.targets.push(Target::named(triple)?);
                }
                "--try" => options.trial = Trial::Make,
                "--only" => {
                    options.what = match args.next().map_or("nothing", String::as_str) {
                        "agent" => What::Agent,
                        "server" => What::Server,
                        other => {
                            let text = format!("--only: expected agent or server, found {other:?}");
                            return Err(Failure::Usage(text));
                        }
                    };
                }
                "--profile" => {
                    options.profile = Profile::named(args.next().map_or("nothing", String::as_str))?;
                }
                other => {
                    let known = "--only agent|server, --target TRIPLE, --profile release|dev or --try";
                    return Err(Failure::Usage(format!("dist: expected {known}, found {other:?}")));
                }
            }
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Options, Failure> {
        Options::parse(&args.iter().map(|&arg| arg.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn targets_are_named_and_others_refused() {
        let options = parse(&["--try", "--target", "aarch64-unknown-linux-musl"]).unwrap();
        assert_eq!((options.targets[0].debian, options.trial), ("arm64", Trial::Make));
        for bad in [&["--target"][..], &["--target", "x"], &["x"], &["--only", "lab"], &["--profile", "x"]] {
            assert!(matches!(parse(bad), Err(Failure::Usage(_))), "{bad:?}");
        }
    }
}
