/*
 * The entry of a fuzz target (libFuzzer). A target includes the source file with its parser, so that the parser's own
 * functions need not be visible to anybody else.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C"
#endif
	int
	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
