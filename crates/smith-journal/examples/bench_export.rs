//! What an export of a journal of a million rows costs: `cargo run --release -p smith-journal --example bench_export [ROWS]`.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::io::Cursor;
use std::time::Instant;

use smith_journal::{About, Chain, Hash, Head, NewRow, Pick, ProofWriter, RowRef, Scope, read_proof};

/// What a machine's answer looks like, which nearly all rows of a journal are.
fn row(number: u64) -> NewRow {
    let body = format!(
        r#"{{"reported":{{"rollout":{},"machine":{},"serial":{},"outcome":"done","took":{},"note":null}}}}"#,
        number / 50_000,
        number * 7_919 % 20_000,
        number % 9,
        number * 31 % 90_000,
    );
    NewRow {
        at: 1_795_132_800_000 + i64::try_from(number).unwrap_or(0) * 137,
        actor: "smith".into(),
        stream: format!("rollout/{}/machine/{}", number / 50_000, number * 7_919 % 20_000).into(),
        kind: "rollout.reported".into(),
        version: 1,
        body: body.into_bytes(),
    }
}

#[expect(clippy::print_stdout, reason = "a bench says what it found")]
fn main() -> Result<(), Box<dyn Error>> {
    let rows: u64 = std::env::args().nth(1).map_or(Ok(1_000_000), |text| text.parse())?;
    println!("{rows} rows; every nth of them is chosen");
    for every in [0, 100_000, 20_000, 1_000, 100, 10] {
        let mut chain = Chain::from_head(Head::GENESIS);
        let scope = if every == 0 { Scope::Everything } else { Scope::Chosen };
        let about = About {
            journal: Head::GENESIS.after(&[row(1)]).hash,
            made: String::new(),
            program: String::new(),
            scope,
            filter: BTreeMap::new(),
        };
        let begun = Instant::now();
        let mut writer = ProofWriter::begin(Cursor::new(Vec::new()), &about, BTreeSet::new())?;
        for number in 1..=rows {
            let row = row(number);
            let Head { seq, hash } = chain.push(&row.content());
            // Chosen rows are spread as by chance.
            let is_chosen = every > 0 && number * 2_654_435_761 % every == 0;
            let pick = match (is_chosen, scope) {
                (true, _) => Pick::Chosen,
                (false, Scope::Everything) => Pick::Other,
                (false, Scope::Chosen) => Pick::Omitted,
            };
            writer.row(&RowRef { seq, content: row.content(), hash }, pick)?;
        }
        let (written, out) = writer.finish()?;
        let (wrote, bytes) = (begun.elapsed(), out.into_inner());
        let begun = Instant::now();
        let proven = read_proof(bytes.as_slice(), |_| ())?;
        let read = begun.elapsed();
        assert_eq!(proven.end().map_or(Hash::GENESIS, |end| end.root), written.end.root);
        println!(
            "{:>9}: {:>8} chosen, {:>11} bytes, written in {:.2} s, verified in {:.2} s",
            if every == 0 { "all told".to_owned() } else { format!("1/{every}") },
            written.chosen,
            bytes.len(),
            wrote.as_secs_f64(),
            read.as_secs_f64(),
        );
    }
    Ok(())
}
