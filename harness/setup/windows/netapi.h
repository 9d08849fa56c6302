/* What the setup asks of netapi32.dll, looked up at run time. Only for os_group.c and os_user.c. */
#ifndef SBX_SETUP_WINDOWS_NETAPI_H
#define SBX_SETUP_WINDOWS_NETAPI_H

#include "harness/setup/windows/os_parts.h"

#include <lmcons.h>

#include <lmaccess.h>
#include <lmapibuf.h>
#include <lmerr.h>

/* In the order of the names in os_group.c. */
typedef struct sbx_netapi {
    NET_API_STATUS(WINAPI *buffer_free)(LPVOID);
    NET_API_STATUS(WINAPI *group_add)(LPCWSTR, DWORD, LPBYTE, LPDWORD);
    NET_API_STATUS(WINAPI *group_get)(LPCWSTR, LPCWSTR, DWORD, LPBYTE *);
    NET_API_STATUS(WINAPI *group_del)(LPCWSTR, LPCWSTR);
    NET_API_STATUS(WINAPI *members_get)
    (LPCWSTR, LPCWSTR, DWORD, LPBYTE *, DWORD, LPDWORD, LPDWORD, PDWORD_PTR);
    NET_API_STATUS(WINAPI *members_add)(LPCWSTR, LPCWSTR, DWORD, LPBYTE, DWORD);
    NET_API_STATUS(WINAPI *members_del)(LPCWSTR, LPCWSTR, DWORD, LPBYTE, DWORD);
    NET_API_STATUS(WINAPI *user_add)(LPCWSTR, DWORD, LPBYTE, LPDWORD);
    NET_API_STATUS(WINAPI *user_get)(LPCWSTR, LPCWSTR, DWORD, LPBYTE *);
    NET_API_STATUS(WINAPI *user_set)(LPCWSTR, LPCWSTR, DWORD, LPBYTE, LPDWORD);
    NET_API_STATUS(WINAPI *user_del)(LPCWSTR, LPCWSTR);
} sbx_netapi;

uint32_t sbx_netapi_find(sbx_netapi *out);

#endif
