/* What a slot's state is, for both sides of the ring; see ring.h. Nobody else includes it. */
#ifndef SBX_AUDIT_SOURCES_WINDOWS_RING_STATE_H
#define SBX_AUDIT_SOURCES_WINDOWS_RING_STATE_H

#include <stdint.h>

#define SBX_RING_MAGIC UINT32_C(0x31727462) /* the layout's version is in it */

enum { SLOT_FREE = 0, SLOT_WRITING = 1, SLOT_READY = 2 };

#endif
