use crate::{Store, StoreError};
use offhook_model::Service;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

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
    use offhook_model::ConferenceSettings;

    #[test]
    fn each_kind_of_service_survives_the_table() {
        let services = [
            Service::Echo { delay_ms: 2000 },
            Service::Play { prompt: "tone:1004,1000".into(), repeat: true },
            Service::DirectCall {
                welcome: "tts:Welcome.".into(),
                target: "1001".into(),
                apology: "tts:Sorry.".into(),
            },
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
