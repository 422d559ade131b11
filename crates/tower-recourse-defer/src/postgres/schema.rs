use crate::InvalidValue;

const MIGRATIONS: &[&str] = &[include_str!("../../sql/postgres/1.sql")];

/// The version of the table that this crate supports.
pub(super) const SUPPORTED: i64 = MIGRATIONS.len() as i64;

/// The statements that create the table in this schema, one text per version, to run them by hand.
///
/// # Errors
///
/// If the name of the schema isn't 1 to 63 lower-case letters, digits and underscores.
pub fn migrations(schema: &str) -> Result<Vec<String>, InvalidValue> {
    let is_valid = (1..=63).contains(&schema.len())
        && schema.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        && !schema.starts_with(|first: char| first.is_ascii_digit());
    if !is_valid {
        let allowed = "1 to 63 lower-case letters, digits and underscores";
        return Err(InvalidValue::new("schema", format_args!("{schema:?}"), allowed));
    }
    let in_schema = |text: &&str| {
        text.replace("create schema if not exists recourse;", &format!("create schema if not exists \"{schema}\";"))
            .replace("recourse.", &format!("\"{schema}\"."))
    };
    Ok(MIGRATIONS.iter().map(in_schema).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_name_the_schema() {
        let text = migrations("jobs_2").unwrap().concat();
        assert!(text.contains("create schema if not exists \"jobs_2\";") && text.contains("table \"jobs_2\".jobs ("));
        assert!(!text.contains("recourse."));
        for invalid in ["", "2jobs", "Jobs", "a\"b", "a.b", &"a".repeat(64)] {
            assert_eq!(migrations(invalid).unwrap_err().field(), "schema");
        }
    }
}
