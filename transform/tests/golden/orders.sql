CREATE EXTERNAL TABLE IF NOT EXISTS `analytics`.`orders` (
  `event_id` string COMMENT 'The UUID of the event',
  `event_type` string COMMENT 'The type of the event',
  `event_time` timestamp COMMENT 'When the event happened, UTC',
  `arrival_time` timestamp COMMENT 'When its record arrived, UTC',
  `stream` string COMMENT 'The stream that delivered it, and when that was created',
  `shard` string COMMENT 'The shard of the stream',
  `sequence` string COMMENT 'The sequence number of its record',
  `sub` int COMMENT 'Which event of its record, from 0',
  `contract_version` int COMMENT 'The version of the contract that judged it',
  `data` string COMMENT 'What no column holds, as JSON',
  `order_id` string COMMENT 'The shop\'s number of the order',
  `amount` decimal(18,2) COMMENT 'What the customer pays, VAT included',
  `currency` string COMMENT 'ISO 4217',
  `placed_at` timestamp,
  `hour_of_day` int COMMENT 'The hour in which the customer wants the delivery',
  `delivery_date` date,
  `is_gift` boolean,
  `items` array<struct<`sku`:string,`quantity`:int,`unit_price`:decimal(10,2)>> COMMENT 'What was ordered; `unitPrice` is without VAT',
  `tags` array<string>,
  `weight_kg` double,
  `loyalty_points` bigint,
  `customer_key` string COMMENT 'The customer\'s e-mail address, as a key that does not reveal it',
  `customer_note` string,
  `card_number` string,
  `referrer_host` string,
  `context` string COMMENT 'All of the context, as it was sent',
  `region` string
)
COMMENT 'Orders of the web shop, from the moment they are placed until they are delivered.'
PARTITIONED BY (`year` int, `month` int, `day` int, `type_key` string)
ROW FORMAT SERDE 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe'
STORED AS INPUTFORMAT 'org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION 's3://example-lake/prod/tables/orders/events/epoch=0/'
TBLPROPERTIES (
  'iguazu.contract_version' = '3',
  'projection.enabled' = 'true',
  'projection.year.type' = 'integer',
  'projection.year.range' = '2024,2035',
  'projection.year.digits' = '4',
  'projection.month.type' = 'integer',
  'projection.month.range' = '1,12',
  'projection.month.digits' = '2',
  'projection.day.type' = 'integer',
  'projection.day.range' = '1,31',
  'projection.day.digits' = '2',
  'projection.type_key.type' = 'injected',
  'storage.location.template' = 's3://example-lake/prod/tables/orders/events/epoch=0/year=${year}/month=${month}/day=${day}/type_key=${type_key}/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS `analytics`.`orders_raw` (
  `event_id` string COMMENT 'The UUID of the event',
  `event_type` string COMMENT 'The type of the event',
  `event_time` timestamp COMMENT 'When the event happened, UTC',
  `arrival_time` timestamp COMMENT 'When its record arrived, UTC',
  `stream` string COMMENT 'The stream that delivered it, and when that was created',
  `shard` string COMMENT 'The shard of the stream',
  `sequence` string COMMENT 'The sequence number of its record',
  `sub` int COMMENT 'Which event of its record, from 0',
  `contract_version` int COMMENT 'The version of the contract that judged it',
  `data` string COMMENT 'What no column holds, as JSON',
  `order_id` string COMMENT 'The shop\'s number of the order',
  `amount` decimal(18,2) COMMENT 'What the customer pays, VAT included',
  `currency` string COMMENT 'ISO 4217',
  `placed_at` timestamp,
  `hour_of_day` int COMMENT 'The hour in which the customer wants the delivery',
  `delivery_date` date,
  `is_gift` boolean,
  `items` array<struct<`sku`:string,`quantity`:int,`unit_price`:decimal(10,2)>> COMMENT 'What was ordered; `unitPrice` is without VAT',
  `tags` array<string>,
  `weight_kg` double,
  `loyalty_points` bigint,
  `customer_key` string COMMENT 'The customer\'s e-mail address, as a key that does not reveal it',
  `customer_note` string,
  `card_number` string,
  `referrer_host` string,
  `context` string COMMENT 'All of the context, as it was sent',
  `region` string
)
COMMENT 'Deliveries to orders: an event is here as often as it was delivered'
PARTITIONED BY (`year` int, `month` int, `day` int)
ROW FORMAT SERDE 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe'
STORED AS INPUTFORMAT 'org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION 's3://example-lake/prod/tables/orders/raw/'
TBLPROPERTIES (
  'iguazu.contract_version' = '3',
  'projection.enabled' = 'true',
  'projection.year.type' = 'integer',
  'projection.year.range' = '2024,2035',
  'projection.year.digits' = '4',
  'projection.month.type' = 'integer',
  'projection.month.range' = '1,12',
  'projection.month.digits' = '2',
  'projection.day.type' = 'integer',
  'projection.day.range' = '1,31',
  'projection.day.digits' = '2',
  'storage.location.template' = 's3://example-lake/prod/tables/orders/raw/year=${year}/month=${month}/day=${day}/'
);

CREATE OR REPLACE VIEW "analytics"."orders_view" AS
SELECT
  "event_time",
  "event_type",
  "order_id",
  "amount",
  "currency",
  "placed_at",
  "hour_of_day",
  "delivery_date",
  "is_gift",
  "items",
  "tags",
  "weight_kg",
  "loyalty_points",
  "customer_key",
  "customer_note",
  "card_number",
  "referrer_host",
  "context",
  "region",
  "data",
  "event_id",
  "arrival_time",
  "stream",
  "shard",
  "sequence",
  "sub",
  "contract_version",
  "year",
  "month",
  "day",
  "type_key"
FROM "analytics"."orders";

CREATE EXTERNAL TABLE IF NOT EXISTS `analytics`.`orders_revenue_parts` (
  `window_start` timestamp COMMENT 'When the window begins, UTC',
  `currency` string,
  `event_type` string,
  `count` bigint COMMENT 'How many events',
  `sum_amount` decimal(38,2),
  `smallest` decimal(18,2),
  `largest` decimal(18,2),
  `last_placed_at` timestamp,
  `overflowed` string COMMENT 'Sums that have more than 38 digits and are null'
)
COMMENT 'Parts of orders_revenue, one for each file of events'
PARTITIONED BY (`year` int, `month` int, `day` int, `type_key` string)
ROW FORMAT SERDE 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe'
STORED AS INPUTFORMAT 'org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION 's3://example-lake/prod/tables/orders/rollups/revenue/epoch=0/'
TBLPROPERTIES (
  'iguazu.contract_version' = '3',
  'projection.enabled' = 'true',
  'projection.year.type' = 'integer',
  'projection.year.range' = '2024,2035',
  'projection.year.digits' = '4',
  'projection.month.type' = 'integer',
  'projection.month.range' = '1,12',
  'projection.month.digits' = '2',
  'projection.day.type' = 'integer',
  'projection.day.range' = '1,31',
  'projection.day.digits' = '2',
  'projection.type_key.type' = 'injected',
  'storage.location.template' = 's3://example-lake/prod/tables/orders/rollups/revenue/epoch=0/year=${year}/month=${month}/day=${day}/type_key=${type_key}/'
);

CREATE OR REPLACE VIEW "analytics"."orders_revenue" AS
SELECT
  "window_start",
  "currency",
  "event_type",
  sum("count") AS "count",
  CASE WHEN count_if(contains(split("overflowed", ','), 'sum_amount')) = 0 THEN sum("sum_amount") END AS "sum_amount",
  min("smallest") AS "smallest",
  max("largest") AS "largest",
  max("last_placed_at") AS "last_placed_at"
FROM "analytics"."orders_revenue_parts"
GROUP BY "window_start", "currency", "event_type";

CREATE EXTERNAL TABLE IF NOT EXISTS `analytics`.`orders_gifts_parts` (
  `window_start` timestamp COMMENT 'When the window begins, UTC',
  `is_gift` boolean,
  `count` bigint COMMENT 'How many events',
  `overflowed` string COMMENT 'Sums that have more than 38 digits and are null'
)
COMMENT 'Parts of orders_gifts, one for each file of events'
PARTITIONED BY (`year` int, `month` int, `day` int, `type_key` string)
ROW FORMAT SERDE 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe'
STORED AS INPUTFORMAT 'org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION 's3://example-lake/prod/tables/orders/rollups/gifts/epoch=0/'
TBLPROPERTIES (
  'iguazu.contract_version' = '3',
  'projection.enabled' = 'true',
  'projection.year.type' = 'integer',
  'projection.year.range' = '2024,2035',
  'projection.year.digits' = '4',
  'projection.month.type' = 'integer',
  'projection.month.range' = '1,12',
  'projection.month.digits' = '2',
  'projection.day.type' = 'integer',
  'projection.day.range' = '1,31',
  'projection.day.digits' = '2',
  'projection.type_key.type' = 'injected',
  'storage.location.template' = 's3://example-lake/prod/tables/orders/rollups/gifts/epoch=0/year=${year}/month=${month}/day=${day}/type_key=${type_key}/'
);

CREATE OR REPLACE VIEW "analytics"."orders_gifts" AS
SELECT
  "window_start",
  "is_gift",
  sum("count") AS "count"
FROM "analytics"."orders_gifts_parts"
GROUP BY "window_start", "is_gift";
