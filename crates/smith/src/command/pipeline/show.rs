//! `smith pipeline show`: a pipeline in words.

use std::path::{Path, PathBuf};

use clap::Args;
use smith_api::Pipeline as Answer;
use smith_domain::pipeline::{Pipeline, describe};
use smith_server::config::nearest;

use crate::failure::{Exit, Failure};
use crate::input::{self, ServerArgs, encoded};
use crate::output;

/// Show a pipeline in words: its steps, gates, limits, budgets and bags.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// The name of a pipeline in the folder, or a file
    #[arg(value_name = "NAME|FILE")]
    pipeline: String,
    /// Where pipelines are looked for by name; a running server is asked unless said
    #[arg(long, value_name = "FOLDER", env = "SMITH_PIPELINES")]
    folder: Option<PathBuf>,
    #[command(flatten)]
    server: ServerArgs,
    /// Print JSON: the checked pipelines, or what the server says of one
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Show) -> Result<Exit, Failure> {
    let path = Path::new(&args.pipeline);
    let found = if path.is_file() {
        input::load(&[path.to_owned()])?.all
    } else if let Some(folder) = args.folder.as_deref().filter(|_| !args.server.is_named()) {
        vec![by_name(&args.pipeline, folder)?]
    } else {
        return ask(args);
    };
    if args.json {
        output::json(&found)?;
        return Ok(Exit::Good);
    }
    let texts: Vec<String> = found.iter().map(describe).collect();
    output::data(&texts.join("\n"))?;
    Ok(Exit::Good)
}

/// As the server has it now.
fn ask(args: &Show) -> Result<Exit, Failure> {
    let path = format!("/v1/pipelines/{}", encoded(&args.pipeline));
    let found: Answer = args.server.ask(async |client| client.get(&path).await)?;
    if args.json {
        output::json(&found)?;
    } else {
        output::data(&found.text)?;
    }
    Ok(Exit::Good)
}

fn by_name(name: &str, folder: &Path) -> Result<Pipeline, Failure> {
    if !folder.is_dir() {
        let error = format!(
            "expected a file or the name of a pipeline, found {name:?} and no folder {}",
            folder.display()
        );
        let hint = "say where pipelines are with `--folder` or SMITH_PIPELINES";
        return Err(Failure::new(Exit::NotThere, error).with_hint(hint));
    }
    let mut all = input::load(&[folder.to_owned()])?.all;
    let names: Vec<String> = all.iter().map(|pipeline| pipeline.name.to_string()).collect();
    match names.iter().position(|known| known == name) {
        Some(at) => Ok(all.swap_remove(at)),
        None => {
            let error = format!("expected a pipeline of {}, found {name:?}", folder.display());
            let near = nearest(name, names.iter().map(String::as_str));
            let hint = near.map_or_else(
                || "`smith pipeline list FOLDER` shows them".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            Err(Failure::new(Exit::NotThere, error).with_hint(hint))
        }
    }
}
