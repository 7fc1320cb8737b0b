// SPDX-License-Identifier: MIT
#pragma once

/// Marks what a shared build of cistern exports; everything else is hidden.
#define CISTERN_EXPORT [[gnu::visibility("default")]]
