"""PostgreSQL: tables, migrations, and every statement the product sends."""
