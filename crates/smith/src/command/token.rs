//! `smith token`: who may speak to the server over its address.

use clap::{Args, Subcommand};
use smith_api::{NewToken, Page, Token as Answer, TokenMade};

use crate::failure::{Exit, Failure};
use crate::input::{ServerArgs, Sure};
use crate::output::{self, Align, Table};

/// Make, list and revoke tokens for the server's address.
#[derive(Debug, Args)]
pub(super) struct Token {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    New(New),
    List(List),
    Revoke(Revoke),
}

/// Make a token. Its secret is shown once and kept nowhere.
#[derive(Debug, Args)]
struct New {
    /// Under which name its holder acts
    name: String,
    /// What its holder may do: viewer, operator, approver, admin, or a role that pipelines name
    #[arg(long, value_name = "ROLE", required = true)]
    role: Vec<String>,
    /// Whom it is for: they cannot approve what is asked for with it. Root says so at the server's socket; the tokens that others make are their own
    #[arg(long = "for", value_name = "PERSON")]
    owner: Option<String>,
    /// In these environments only
    #[arg(long, value_name = "ENVIRONMENT")]
    environment: Vec<String>,
    /// Days that it is good for
    #[arg(long, value_name = "N", default_value_t = 90)]
    days: u32,
    #[command(flatten)]
    server: ServerArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// List tokens, without their secrets.
#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    server: ServerArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Revoke a token: from now on it lets nobody in.
#[derive(Debug, Args)]
struct Revoke {
    /// Its number
    #[arg(value_name = "NUMBER")]
    token: u32,
    /// Why; it stands in the journal
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    sure: Sure,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) fn run(token: &Token) -> Result<Exit, Failure> {
    match &token.command {
        Command::New(new) => make(new),
        Command::List(list) => run_list(list),
        Command::Revoke(revoke) => run_revoke(revoke),
    }
}

fn make(args: &New) -> Result<Exit, Failure> {
    let body = NewToken {
        name: args.name.clone(),
        roles: args.role.clone(),
        environments: args.environment.clone(),
        days: Some(args.days),
        owner: args.owner.clone(),
    };
    let made: TokenMade = args.server.ask(async |client| client.post("/v1/tokens", &body, None).await)?;
    if args.json {
        output::json(&made)?;
    } else {
        output::data(&format!("{}\n", made.secret))?;
        output::note(&format!("token {} of {}; it is shown this once", made.token, args.name));
    }
    Ok(Exit::Good)
}

fn run_list(args: &List) -> Result<Exit, Failure> {
    let tokens: Page<Answer> = args.server.ask(async |client| client.get("/v1/tokens").await)?;
    if args.json {
        output::json(&tokens.items)?;
        return Ok(Exit::Good);
    }
    let left = Align::Left;
    let mut table = Table::new(&[
        ("token", Align::Right),
        ("name", left),
        ("roles", left),
        ("environments", left),
        ("expires", left),
        ("revoked", left),
    ]);
    for token in tokens.items {
        let environments =
            if token.environments.is_empty() { "all".to_owned() } else { token.environments.join(" ") };
        table.row([
            token.token.to_string(),
            token.name,
            token.roles.join(" "),
            environments,
            token.expires.unwrap_or_default(),
            token.revoked.unwrap_or_default(),
        ]);
    }
    output::data(&table.render(output::width()))?;
    Ok(Exit::Good)
}

fn run_revoke(args: &Revoke) -> Result<Exit, Failure> {
    args.sure.or_ask(&format!("revoke token {}? whoever has it is shut out at once", args.token))?;
    args.server.done(&format!("/v1/tokens/{}/revoke", args.token), &args.reason)?;
    output::note(&format!("token {} lets nobody in any more", args.token));
    Ok(Exit::Good)
}
