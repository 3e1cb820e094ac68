use crate::{Store, StoreError};
use offhook_model::Service;
use serde_json::{Map, Value};
use sqlx::FromRow;
use std::collections::{BTreeMap, BTreeSet};

/// A service number as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct ServiceRow {
    /// The number.
    pub number: String,
    /// What it does: `echo`, `play`, `go_to`, `conference`, `voicemail`, `mailbox`.
    pub kind: String,
    /// Whether its calls are recorded.
    #[sqlx(rename = "record")]
    pub is_recorded: bool,
}

impl Store {
    /// The service numbers. One that this version cannot read is left out, with an error in the log.
    pub(crate) async fn services(&self) -> Result<BTreeMap<String, Service>, StoreError> {
        let rows: Vec<(String, String, String)> =
            sqlx::query_as("SELECT number, kind, parameters FROM services ORDER BY number")
                .fetch_all(self.pool())
                .await?;
        let parsed = rows.into_iter().filter_map(|(number, kind, parameters)| {
            parse_service(&kind, &parameters)
                .inspect_err(
                    |error| tracing::error!(number, kind, %error, "a service cannot be read"),
                )
                .ok()
                .map(|service| (number, service))
        });
        Ok(parsed.collect())
    }

    /// The numbers whose calls are recorded.
    pub(crate) async fn recorded_services(&self) -> Result<BTreeSet<String>, StoreError> {
        let numbers: Vec<String> =
            sqlx::query_scalar("SELECT number FROM services WHERE record <> 0")
                .fetch_all(self.pool())
                .await?;
        Ok(numbers.into_iter().collect())
    }

    /// Service numbers in their order, those after `after`, at most `limit`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn service_rows(
        &self,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ServiceRow>, StoreError> {
        let rows = sqlx::query_as(
            "SELECT number, kind, record FROM services WHERE number > ? ORDER BY number LIMIT ?",
        )
        .bind(after.unwrap_or_default())
        .bind(limit)
        .fetch_all(self.pool())
        .await?;
        Ok(rows)
    }

    /// Says whether the calls of a service number are recorded.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such number.
    pub async fn set_service_recorded(
        &self,
        number: &str,
        is_recorded: bool,
    ) -> Result<ServiceRow, StoreError> {
        let row: Option<ServiceRow> = sqlx::query_as(
            "UPDATE services SET record = ? WHERE number = ? RETURNING number, kind, record",
        )
        .bind(is_recorded)
        .bind(number)
        .fetch_optional(self.pool())
        .await?;
        row.ok_or(StoreError::NotFound("service"))
    }

    /// Adds a service number, or gives it another meaning.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_service(&self, number: &str, service: &Service) -> Result<(), StoreError> {
        let (kind, parameters) = print_service(service)?;
        sqlx::query(
            "INSERT INTO services (number, kind, parameters) VALUES (?, ?, ?)
             ON CONFLICT (number) DO UPDATE SET kind = excluded.kind, parameters = excluded.parameters",
        )
        .bind(number)
        .bind(kind)
        .bind(parameters)
        .execute(self.pool())
        .await?;
        Ok(())
    }
}

/// A service is one object with the kind as its only key: `{"echo": {"delay_ms": 0}}`.
fn parse_service(kind: &str, parameters: &str) -> Result<Service, serde_json::Error> {
    let parameters: Value = serde_json::from_str(parameters)?;
    serde_json::from_value(Value::Object(Map::from_iter([(kind.to_owned(), parameters)])))
}

fn print_service(service: &Service) -> Result<(String, String), StoreError> {
    let value =
        serde_json::to_value(service).map_err(|error| StoreError::Refused(error.to_string()))?;
    let only_entry = match value {
        Value::Object(map) => map.into_iter().next(),
        _ => None,
    };
    only_entry
        .map(|(kind, parameters)| (kind, parameters.to_string()))
        .ok_or_else(|| StoreError::Refused("a service without parameters".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use offhook_model::{ConferenceSettings, QueueId, Target};

    #[test]
    fn each_kind_of_service_survives_the_table() {
        let services = [
            Service::Echo { delay_ms: 2000 },
            Service::Play { prompt: "tone:1004,1000".into(), repeat: true },
            Service::GoTo {
                welcome: Some("tts:Welcome.".into()),
                target: Target::Queue(QueueId("sales".into())),
                otherwise: Some(Target::Play("tts:Sorry.".into())),
            },
            Service::Park {},
            Service::Voicemail { mailbox: "sales".into() },
            Service::Mailbox { own: false },
            Service::Conference(ConferenceSettings {
                pin: Some("1234".into()),
                ..ConferenceSettings::default()
            }),
        ];
        for service in services {
            let (kind, parameters) = print_service(&service).unwrap();
            assert_eq!(parse_service(&kind, &parameters).unwrap(), service);
        }
    }
}
