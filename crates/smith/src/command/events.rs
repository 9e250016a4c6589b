//! `smith events`: what is recorded, as it is recorded.

use std::time::{Duration, Instant};

use clap::Args;
use serde_json::Value;
use smith_api::{Client, ClientError, Hearing, Status, Told};

use crate::failure::{Exit, Failure};
use crate::input::ServerArgs;
use crate::output;

/// Follow what is recorded, one line each, until Ctrl-C.
///
/// It rides out a restart of the server: nothing is left out and nothing comes twice.
#[derive(Debug, Args)]
pub(super) struct Events {
    /// Only what belongs to this project
    #[arg(long, value_name = "ID")]
    project: Option<u32>,
    /// Begin behind this row of the journal; 0 tells everything there ever was
    #[arg(long, value_name = "ROW")]
    after: Option<u64>,
    /// End after so many events
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    #[command(flatten)]
    server: ServerArgs,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

/// A server that is started again is back within this; then it is looked for no more.
const AWAY_MAX: Duration = Duration::from_secs(60);

/// How long it is waited before a server that is away is asked again.
const PAUSE: Duration = Duration::from_millis(500);

pub(super) fn run(args: &Events) -> Result<Exit, Failure> {
    let mut trouble = Ok(());
    args.server.ask(async |client| follow(&client, args, &mut trouble).await)?;
    trouble.map(|()| Exit::Good)
}

async fn follow(
    client: &Client,
    args: &Events,
    trouble: &mut Result<(), Failure>,
) -> Result<(), ClientError> {
    let path = match args.project {
        Some(id) => format!("/v1/projects/{id}/events"),
        None => "/v1/events".to_owned(),
    };
    // Counted from here, so that nothing that is recorded while the server is away is left out.
    let row = match args.after {
        Some(row) => row,
        None => client.get::<Status>("/v1/status").await?.rows,
    };
    let mut after = Some(row.to_string());
    let mut left = args.count.unwrap_or(u64::MAX);
    let mut away: Option<Instant> = None;
    while left > 0 {
        let from = after.clone();
        let heard = client
            .listen(&path, from.as_deref(), |told| {
                away = None;
                let Some(id) = &told.id else { return Hearing::GoOn };
                after = Some(id.clone());
                left -= 1;
                *trouble = tell(&told, args.json);
                if trouble.is_err() || left == 0 { Hearing::Enough } else { Hearing::GoOn }
            })
            .await;
        match heard {
            Ok(_) if trouble.is_err() || left == 0 => return Ok(()),
            Ok(_) => away = None,
            // It has answered before, so it may be being started again.
            Err(error @ ClientError::Unreachable { .. }) => {
                if away.get_or_insert_with(Instant::now).elapsed() > AWAY_MAX {
                    return Err(error);
                }
            }
            Err(error) => return Err(error),
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

fn tell(told: &Told, json: bool) -> Result<(), Failure> {
    if json {
        return output::data(&format!("{}\n", told.data));
    }
    let event: Value = serde_json::from_str(&told.data)?;
    let text = |key: &str| event.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    output::data(&format!("{} {}: {}\n", text("at"), text("by"), text("words")))
}
