-- SPDX-License-Identifier: MIT
-- A small shop in memory: rows with text, an index, joins and groups. The data is made here, the same in each run.
CREATE TABLE customer(id INTEGER PRIMARY KEY, name TEXT, city TEXT);
CREATE TABLE purchase(id INTEGER PRIMARY KEY, customer INTEGER, item TEXT, amount REAL);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
INSERT INTO customer SELECT i, printf('customer %d of %d', i, i * 7919 % 5000), printf('city %d', i * 31 % 97) FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 120000)
INSERT INTO purchase
SELECT i, 1 + i * 7919 % 5000, printf('item %d in a box of %d', i * 104729 % 3001, i % 40), (i * 37 % 10000) / 100.0 FROM n;
CREATE INDEX purchase_customer ON purchase(customer);
CREATE INDEX purchase_item ON purchase(item);
SELECT city, count(*), round(sum(amount), 2), group_concat(DISTINCT substr(item, 1, 9))
FROM customer JOIN purchase ON purchase.customer = customer.id
GROUP BY city ORDER BY city;
SELECT upper(name) || ' / ' || replace(item, 'box', 'crate') AS line FROM customer JOIN purchase ON purchase.customer = customer.id
ORDER BY line LIMIT 1000 OFFSET 50000;
UPDATE purchase SET item = item || ' (sold)' WHERE amount > 50;
SELECT count(*), length(group_concat(item)) FROM purchase;
