//! `smith explain`: the page of an error code.

use clap::Args;
use serde::Serialize;
use smith_server::config::nearest;
use smith_server::http::error_pages;

use crate::failure::{Exit, Failure};
use crate::output::{self, Align, Table};

/// Explain an error code such as S0404: what it means and what to do. No server is needed.
#[derive(Debug, Args)]
pub(super) struct Explain {
    /// The code; all of them with their titles unless said
    #[arg(value_name = "CODE")]
    code: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct One {
    code: &'static str,
    title: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<&'static str>,
}

/// The first line of a page is `# S0404: there is no such config`.
fn title(page: &'static str) -> &'static str {
    page.lines().next().and_then(|line| line.split_once(": ")).map_or("", |(_, title)| title)
}

pub(super) fn run(args: &Explain) -> Result<Exit, Failure> {
    let pages = error_pages();
    let Some(wanted) = &args.code else { return list(args, pages) };
    let wanted = wanted.trim_matches(['[', ']']).to_uppercase();
    let Some((code, page)) = pages.iter().find(|(code, _)| *code == wanted) else {
        let error = format!("expected an error code, found {wanted:?}");
        let near = nearest(&wanted, pages.iter().map(|(code, _)| *code));
        let hint = near.map_or_else(
            || "`smith explain` lists all of them".to_owned(),
            |near| format!("did you mean {near}?"),
        );
        return Err(Failure::new(Exit::NotThere, error).with_hint(hint));
    };
    if args.json {
        output::json(&One { code, title: title(page), page: Some(page) })?;
    } else {
        output::data(page)?;
    }
    Ok(Exit::Good)
}

fn list(args: &Explain, pages: &'static [(&str, &str)]) -> Result<Exit, Failure> {
    let all = pages.iter().map(|(code, page)| One { code, title: title(page), page: None });
    if args.json {
        output::json(&all.collect::<Vec<_>>())?;
        return Ok(Exit::Good);
    }
    let mut table = Table::new(&[("code", Align::Left), ("means", Align::Left)]);
    for one in all {
        table.row([one.code, one.title]);
    }
    output::data(&table.render(output::width()))?;
    Ok(Exit::Good)
}
