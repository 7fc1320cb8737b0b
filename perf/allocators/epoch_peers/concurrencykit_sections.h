// SPDX-License-Identifier: MIT
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

/// Enters and leaves so many sections, on one thread.
void cistern_concurrencykit_sections(long count);

#ifdef __cplusplus
}
#endif
