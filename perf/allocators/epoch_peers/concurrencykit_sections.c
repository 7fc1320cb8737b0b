// SPDX-License-Identifier: MIT
// In C, because that is what concurrencykit's headers are in.
#include "concurrencykit_sections.h"

#include <ck_epoch.h>

void cistern_concurrencykit_sections(long count) {
  static ck_epoch_t epoch;
  static ck_epoch_record_t record;
  static int made = 0;
  if (!made) {
    ck_epoch_init(&epoch);
    ck_epoch_register(&epoch, &record, NULL);
    made = 1;
  }
  for (long i = 0; i < count; ++i) {
    ck_epoch_begin(&record, NULL);
    ck_epoch_end(&record, NULL);
  }
}
