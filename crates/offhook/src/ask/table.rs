//! Answers as people read them.

use serde_json::Value;
use std::fmt;

/// Columns that are as wide as what is in them.
pub(super) struct Table {
    heading: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: usize| {
            let cells = self.rows.iter().map(|row| row[column].chars().count());
            cells.chain([self.heading[column].len()]).max().unwrap_or(0)
        };
        let widths: Vec<_> = (0..self.heading.len()).map(width).collect();
        let line = |cells: &mut dyn Iterator<Item = &str>| {
            let padded = cells.zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
            padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        f.write_str(&line(&mut self.heading.iter().copied()))?;
        for row in &self.rows {
            write!(f, "\n{}", line(&mut row.iter().map(String::as_str)))?;
        }
        Ok(())
    }
}

/// A value as a cell; nothing is a dash. What would move the cursor is not printed.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect(),
        other => other.to_string(),
    }
}

fn share(value: &Value) -> String {
    value.as_f64().map_or("-".to_owned(), |share| format!("{:.0} %", share * 100.0))
}

pub(super) fn queues(items: &[Value]) -> Vec<Table> {
    let row = |queue: &Value| {
        let (live, today) = (&queue["live"], &queue["live"]["today"]);
        let cells = [
            &queue["id"],
            &queue["strategy"],
            &live["waiting"],
            &live["longest_wait_s"],
            &live["agents"]["ready"],
            &live["agents"]["on_call"],
            &today["offered"],
            &today["answered"],
            &today["abandoned"],
        ];
        cells.into_iter().map(cell).chain([share(&today["service_level"])]).collect()
    };
    let heading = vec![
        "QUEUE",
        "STRATEGY",
        "WAITING",
        "LONGEST S",
        "READY",
        "ON CALL",
        "OFFERED",
        "ANSWERED",
        "ABANDONED",
        "SLO",
    ];
    vec![Table { heading, rows: items.iter().map(row).collect() }]
}

pub(super) fn queue(one: &Value) -> Vec<Table> {
    let mut tables = queues(std::slice::from_ref(one));
    let row = |caller: &Value| {
        let offered = caller["offered_to"].as_array().into_iter().flatten().map(cell);
        let cells = ["position", "number", "waiting_since", "call"].map(|name| cell(&caller[name]));
        cells.into_iter().chain([offered.collect::<Vec<_>>().join(" ")]).collect()
    };
    let callers = one["live"]["callers"].as_array().map_or(&[][..], Vec::as_slice);
    if !callers.is_empty() {
        let heading = vec!["POSITION", "NUMBER", "SINCE", "CALL", "OFFERED TO"];
        tables.push(Table { heading, rows: callers.iter().map(row).collect() });
    }
    tables
}

pub(super) fn agents(items: &[Value]) -> Vec<Table> {
    let row = |agent: &Value| {
        let queues = agent["queues"].as_array().into_iter().flatten();
        let queues: Vec<_> = queues.map(|place| cell(&place["queue"])).collect();
        let cells = [
            &agent["id"],
            &agent["display_name"],
            &agent["extension"],
            &agent["status"],
            &agent["state"],
            &agent["reason"],
            &agent["since"],
            &agent["today"]["answered"],
            &agent["today"]["missed"],
        ];
        cells.into_iter().map(cell).chain([queues.join(" ")]).collect()
    };
    let heading = vec![
        "AGENT",
        "NAME",
        "EXTENSION",
        "STATUS",
        "STATE",
        "REASON",
        "SINCE",
        "ANSWERED",
        "MISSED",
        "QUEUES",
    ];
    vec![Table { heading, rows: items.iter().map(row).collect() }]
}

pub(super) fn agent(one: &Value) -> Vec<Table> {
    let mut tables = agents(std::slice::from_ref(one));
    let row =
        |call: &Value| ["id", "queue", "number", "since"].map(|name| cell(&call[name])).into();
    let calls = one["calls"].as_array().map_or(&[][..], Vec::as_slice);
    if !calls.is_empty() {
        let heading = vec!["CALL", "QUEUE", "NUMBER", "SINCE"];
        tables.push(Table { heading, rows: calls.iter().map(row).collect() });
    }
    tables
}

pub(super) fn audit(audit: &Value) -> Vec<Table> {
    let found = audit["violations"].as_array().map_or(&[][..], Vec::as_slice);
    if found.is_empty() {
        let text = format!("nothing is wrong ({})", cell(&audit["checked_at"]));
        return vec![Table { heading: vec!["AUDIT"], rows: vec![vec![text]] }];
    }
    let row = |one: &Value| vec![cell(&one["kind"]), cell(&one["detail"])];
    let rows = found.iter().map(row).collect();
    vec![Table { heading: vec!["VIOLATION", "DETAIL"], rows }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let agent = json!({
            "id": "2001", "display_name": "Ada \u{1b}[2J", "extension": "2001", "status": "online",
            "state": "on_call", "reason": null, "since": "2026-11-22T18:30:00Z",
            "today": {"answered": 3, "missed": 0}, "queues": [{"queue": "sales"}],
            "calls": [{"id": "7", "queue": "sales", "number": "1001", "since": "x"}],
        });
        let tables: Vec<String> = super::agent(&agent).iter().map(ToString::to_string).collect();
        let lines: Vec<_> = tables[0].lines().collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].find("STATE "), lines[1].find("on_call"));
        assert!(!tables[0].contains('\u{1b}'), "{}", tables[0]);
        assert!(tables[1].starts_with("CALL"));
    }

    #[test]
    fn an_audit_says_what_was_found() {
        let none = json!({"checked_at": "x", "ok": true, "violations": []});
        assert!(audit(&none)[0].to_string().contains("nothing is wrong"));
        let some = json!({"violations": [{"kind": "late_timer", "detail": "a timer is late"}]});
        assert!(audit(&some)[0].to_string().contains("late_timer  a timer is late"));
    }
}
