//! The template of a train, as people send it to the bot: one field a line, details in lines of their own.

use smith_domain::change::TrainForm;

use crate::config::nearest;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrainTextError {
    #[error("line {line}: expected `Field: value`, found {found:?}")]
    NoField { line: usize, found: String },
    #[error("line {line}: expected one of the fields of a train, found {found:?}")]
    UnknownField { line: usize, found: String },
    #[error("line {line}: expected each field once, found {found} again")]
    Twice { line: usize, found: String },
    #[error("line {line}: expected true or false as {field}, found {found:?}")]
    NotABool { line: usize, field: &'static str, found: String },
    #[error("expected a template of at most {max} bytes, found {found}")]
    TooLong { max: usize, found: usize },
}

/// A page of text.
const TEXT_MAX: usize = 16 * 1024;

const FIELDS: [&str; 15] = [
    "Squad",
    "Service",
    "Title",
    "Environment",
    "Details",
    "Risk",
    "DeploymentImpact",
    "DeploymentMethod",
    "PlannedStartTime",
    "PlannedEndTime",
    "StageDeployDate",
    "VendoredOrNonBuilt",
    "SecurityOnly",
    "BackoutPlan",
    "Channel",
];

impl TrainTextError {
    pub fn hint(&self) -> Option<String> {
        match self {
            TrainTextError::UnknownField { found, .. } => match nearest(found, FIELDS) {
                Some(near) => Some(format!("did you mean {near}?")),
                None => Some(format!("the fields are {}", FIELDS.join(", "))),
            },
            TrainTextError::NoField { .. } => Some("further lines of Details are indented".to_owned()),
            TrainTextError::Twice { .. }
            | TrainTextError::NotABool { .. }
            | TrainTextError::TooLong { .. } => None,
        }
    }
}

/// Reads a template, and which channel it is for where it says so. Fields that are missing are empty; the rules say which may
/// not be.
pub fn parse_train(text: &str) -> Result<(TrainForm, Option<String>), TrainTextError> {
    if text.len() > TEXT_MAX {
        return Err(TrainTextError::TooLong { max: TEXT_MAX, found: text.len() });
    }
    let fields = fields(text)?;
    let take =
        |name: &str| fields.iter().find(|field| field.name == name).map_or("", |field| field.value.as_str());
    let truth = |name: &'static str| match fields.iter().find(|field| field.name == name) {
        None => Ok(false),
        Some(field) => match field.value.to_ascii_lowercase().as_str() {
            "true" | "yes" => Ok(true),
            "false" | "no" | "" => Ok(false),
            _ => Err(TrainTextError::NotABool { line: field.line, field: name, found: field.value.clone() }),
        },
    };
    let regions =
        take("Environment").split(|c: char| c.is_whitespace() || c == ',').filter(|word| !word.is_empty());
    let channel = Some(take("Channel").to_owned()).filter(|channel| !channel.is_empty());
    let form = TrainForm {
        squad: take("Squad").to_owned(),
        service: take("Service").to_owned(),
        title: take("Title").to_owned(),
        environment: regions.map(str::to_owned).collect(),
        details: take("Details").to_owned(),
        risk: take("Risk").to_owned(),
        deployment_impact: take("DeploymentImpact").to_owned(),
        deployment_method: take("DeploymentMethod").to_owned(),
        planned_start: take("PlannedStartTime").to_owned(),
        planned_end: take("PlannedEndTime").to_owned(),
        stage_deploy_date: take("StageDeployDate").to_owned(),
        vendored_or_non_built: truth("VendoredOrNonBuilt")?,
        security_only: truth("SecurityOnly")?,
        backout_plan: take("BackoutPlan").to_owned(),
    };
    Ok((form, channel))
}

struct Field {
    name: &'static str,
    line: usize,
    value: String,
}

/// `Details: |` and indented lines after any field belong to it, as in YAML, which the template looks like and is not.
fn fields(text: &str) -> Result<Vec<Field>, TrainTextError> {
    let mut fields: Vec<Field> = Vec::new();
    for (line, content) in (1..).zip(text.lines()) {
        if content.trim().is_empty() {
            continue;
        }
        let is_more = content.starts_with([' ', '\t']);
        if let (true, Some(last)) = (is_more, fields.last_mut()) {
            if !last.value.is_empty() {
                last.value.push('\n');
            }
            last.value.push_str(content.trim());
            continue;
        }
        let found = || content.trim().chars().take(80).collect::<String>();
        let Some((name, value)) = content.split_once(':') else {
            return Err(TrainTextError::NoField { line, found: found() });
        };
        let name = name.trim();
        let Some(known) = FIELDS.into_iter().find(|known| known.eq_ignore_ascii_case(name)) else {
            return Err(TrainTextError::UnknownField { line, found: name.chars().take(80).collect() });
        };
        if fields.iter().any(|field| field.name == known) {
            return Err(TrainTextError::Twice { line, found: known.to_owned() });
        }
        let value = value.trim();
        let value = if value == "|" { String::new() } else { value.to_owned() };
        fields.push(Field { name: known, line, value });
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "Squad: conductors
Service: redpill
Title: Update the smith-patching prod symlink from 724 to 725
Environment: eu-central us-east us-south
Details: |
 Testing has been completed from dev to stage in this epic #16
 To update the prod symlink, run this job
Risk: low
DeploymentImpact: small
DeploymentMethod: automated
PlannedStartTime: now
PlannedEndTime: now + 1h
StageDeployDate: 2024-03-28
VendoredOrNonBuilt: true
SecurityOnly: true
BackoutPlan: Revert to previous value
";

    #[test]
    fn the_template_that_people_know_is_understood() {
        let (form, channel) = parse_train(TEMPLATE).unwrap();
        assert_eq!(form.environment, ["eu-central", "us-east", "us-south"]);
        assert_eq!(form.title, "Update the smith-patching prod symlink from 724 to 725");
        assert!(
            form.details.starts_with("Testing has") && form.details.ends_with("this job"),
            "{}",
            form.details
        );
        assert_eq!(form.planned_end, "now + 1h");
        assert!(form.vendored_or_non_built && form.security_only);
        assert_eq!((form.backout_plan.as_str(), channel), ("Revert to previous value", None));
        let (_, stage) = parse_train(&format!("{TEMPLATE}Channel: stage\n")).unwrap();
        assert_eq!(stage.as_deref(), Some("stage"));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let wrong = |from: &str, to: &str| parse_train(&TEMPLATE.replace(from, to)).unwrap_err();
        let slip = wrong("Risk:", "Rsik:");
        assert_eq!(slip.to_string(), "line 8: expected one of the fields of a train, found \"Rsik\"");
        assert_eq!(slip.hint().as_deref(), Some("did you mean Risk?"));
        assert_eq!(
            wrong("SecurityOnly: true", "SecurityOnly: maybe").to_string(),
            "line 15: expected true or false as SecurityOnly, found \"maybe\""
        );
        assert_eq!(
            wrong("Service:", "Squad:").to_string(),
            "line 2: expected each field once, found Squad again"
        );
        assert!(matches!(wrong("Risk: low", "low"), TrainTextError::NoField { line: 8, .. }));
        assert!(matches!(parse_train(&"x".repeat(20_000)), Err(TrainTextError::TooLong { .. })));
    }
}
