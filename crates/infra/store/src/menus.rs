use crate::store::now_ms;
use crate::{Store, StoreError};
use offhook_model::Menu;
use serde_json::{Map, Value};
use sqlx::{Sqlite, Transaction};
use std::collections::BTreeMap;

/// A menu's row, and its options' rows: keys and action.
type Rows = (Vec<(String, String)>, Vec<(String, String, String)>);

impl Store {
    /// All menus. One that this version cannot read is left out, with an error in the log.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn menus(&self) -> Result<BTreeMap<String, Menu>, StoreError> {
        let (menus, options) = self.menu_rows().await?;
        let mut options_of: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
        for (menu, keys, action) in options {
            let action = serde_json::from_str(&action).unwrap_or_default();
            options_of.entry(menu).or_default().insert(keys, action);
        }
        let parsed = menus.into_iter().filter_map(|(id, settings)| {
            let options = options_of.remove(&id).unwrap_or_default();
            parse(&id, &settings, options)
                .inspect_err(|error| tracing::error!(menu = id, %error, "a menu cannot be read"))
                .ok()
                .map(|menu| (id, menu))
        });
        Ok(parsed.collect())
    }

    async fn menu_rows(&self) -> Result<Rows, StoreError> {
        let mut transaction = self.pool().begin().await?;
        let menus = sqlx::query_as("SELECT id, settings FROM ivr_menus ORDER BY id")
            .fetch_all(&mut *transaction)
            .await?;
        let options =
            sqlx::query_as("SELECT menu, keys, action FROM ivr_menu_options ORDER BY menu, keys")
                .fetch_all(&mut *transaction)
                .await?;
        Ok((menus, options))
    }

    /// Adds a menu.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when there is one of that name.
    pub async fn create_menu(&self, menu: &Menu) -> Result<(), StoreError> {
        let mut transaction = self.pool().begin().await?;
        let added = sqlx::query(
            "INSERT INTO ivr_menus (id, settings, created_at) VALUES (?, ?, ?)
             ON CONFLICT (id) DO NOTHING",
        )
        .bind(&menu.id)
        .bind(settings(menu)?)
        .bind(now_ms())
        .execute(&mut *transaction)
        .await?;
        if added.rows_affected() == 0 {
            return Err(StoreError::Taken("the menu"));
        }
        add_options(&mut transaction, menu).await?;
        Ok(transaction.commit().await?)
    }

    /// Puts another menu in the place of the one of its name.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none.
    pub async fn update_menu(&self, menu: &Menu) -> Result<(), StoreError> {
        let mut transaction = self.pool().begin().await?;
        let changed = sqlx::query("UPDATE ivr_menus SET settings = ? WHERE id = ?")
            .bind(settings(menu)?)
            .bind(&menu.id)
            .execute(&mut *transaction)
            .await?;
        if changed.rows_affected() == 0 {
            return Err(StoreError::NotFound("menu"));
        }
        sqlx::query("DELETE FROM ivr_menu_options WHERE menu = ?")
            .bind(&menu.id)
            .execute(&mut *transaction)
            .await?;
        add_options(&mut transaction, menu).await?;
        Ok(transaction.commit().await?)
    }

    /// Removes a menu.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none.
    pub async fn delete_menu(&self, id: &str) -> Result<(), StoreError> {
        let removed =
            sqlx::query("DELETE FROM ivr_menus WHERE id = ?").bind(id).execute(self.pool()).await?;
        if removed.rows_affected() == 0 {
            return Err(StoreError::NotFound("menu"));
        }
        Ok(())
    }
}

async fn add_options(
    transaction: &mut Transaction<'_, Sqlite>,
    menu: &Menu,
) -> Result<(), StoreError> {
    for (keys, action) in &menu.options {
        let action = serde_json::to_string(action).map_err(|error| refused(&error))?;
        sqlx::query("INSERT INTO ivr_menu_options (menu, keys, action) VALUES (?, ?, ?)")
            .bind(&menu.id)
            .bind(keys)
            .bind(action)
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

/// What stands in the menu's own row: all but its name and its options.
fn settings(menu: &Menu) -> Result<String, StoreError> {
    let mut value = serde_json::to_value(menu).map_err(|error| refused(&error))?;
    if let Value::Object(fields) = &mut value {
        fields.remove("id");
        fields.remove("options");
    }
    Ok(value.to_string())
}

fn parse(id: &str, settings: &str, options: Map<String, Value>) -> Result<Menu, serde_json::Error> {
    let mut fields: Map<String, Value> = serde_json::from_str(settings)?;
    fields.insert("id".to_owned(), Value::from(id));
    fields.insert("options".to_owned(), Value::Object(options));
    serde_json::from_value(Value::Object(fields))
}

fn refused(error: &serde_json::Error) -> StoreError {
    StoreError::Refused(error.to_string())
}
