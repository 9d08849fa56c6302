/* Places: opened once, without following a link, and changed by their handle. */
#include "harness/target/windows/os_parts.h"

#include <aclapi.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/path.h"
#include "harness/base/windows/security.h"
#include "harness/base/windows/wide.h"

enum {
    SHARE = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
    PLACE_FLAGS = FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT,
    PLACE_RIGHTS = READ_CONTROL | WRITE_DAC | FILE_READ_ATTRIBUTES,
};

bool sbx_os_is_file(const char *path)
{
    wchar_t *wide = sbx_wide_path(path);
    DWORD attributes = wide == NULL ? INVALID_FILE_ATTRIBUTES : GetFileAttributesW(wide);

    free(wide);
    return attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY) == 0;
}

sbx_os_code sbx_os_system_folder(char *out, size_t room)
{
    wchar_t wide[MAX_PATH];
    UINT units = GetSystemDirectoryW(wide, MAX_PATH);
    sbx_text text = {0};
    sbx_os_code code = 0;

    if (units == 0 || units >= MAX_PATH)
        return units == 0 ? GetLastError() : ERROR_FILENAME_EXCED_RANGE;
    sbx_text_add_wide_path(&text, wide, units);
    if (text.failed || text.bytes >= room)
        code = ERROR_NOT_ENOUGH_MEMORY;
    else
        memcpy(out, text.data, text.bytes + 1);
    sbx_text_done(&text);
    return code;
}

/* --- opening --- */

static bool is_called(HANDLE handle, const char *path)
{
    DWORD units = GetFinalPathNameByHandleW(handle, NULL, 0, FILE_NAME_NORMALIZED);
    wchar_t *wide = units == 0 ? NULL : malloc((units + 1) * sizeof(*wide));
    sbx_text text = {0};
    bool is_same = false;

    if (wide != NULL && (units = GetFinalPathNameByHandleW(handle, wide, units + 1, 0)) != 0) {
        sbx_text_add_wide_path(&text, wide, units);
        is_same = !text.failed && sbx_path_is_same(text.data, path);
    }
    free(wide);
    sbx_text_done(&text);
    return is_same;
}

static sbx_os_code read_id(HANDLE handle, uint64_t *out_volume, uint8_t out_id[16])
{
    BY_HANDLE_FILE_INFORMATION basic;
    FILE_ID_INFO full;
    uint64_t index;

    if (GetFileInformationByHandleEx(handle, FileIdInfo, &full, sizeof(full))) {
        *out_volume = full.VolumeSerialNumber;
        memcpy(out_id, &full.FileId, 16);
        return 0;
    }
    if (!GetFileInformationByHandle(handle, &basic)) /* an older system knows 64 bits */
        return GetLastError();
    *out_volume = basic.dwVolumeSerialNumber;
    index = (uint64_t)basic.nFileIndexHigh << 32 | basic.nFileIndexLow;
    memset(out_id, 0, 16);
    memcpy(out_id, &index, sizeof(index));
    return 0;
}

static sbx_os_code describe(sbx_os_place *about, HANDLE handle, const char *path)
{
    BY_HANDLE_FILE_INFORMATION basic;
    sbx_os_code code;

    *about = (sbx_os_place){.volume = 0};
    if (!GetFileInformationByHandle(handle, &basic))
        return GetLastError();
    code = read_id(handle, &about->volume, about->file_id);
    about->is_directory = (basic.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) != 0;
    about->is_link = (basic.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) != 0;
    about->is_elsewhere = !is_called(handle, path);
    return code;
}

static sbx_os_code open_at(HANDLE *out, const char *path, DWORD rights)
{
    wchar_t *wide = sbx_wide_path(path);
    HANDLE handle;
    sbx_os_code code = 0;

    if (wide == NULL)
        return ERROR_INVALID_NAME;
    handle = CreateFileW(wide, rights, SHARE, NULL, OPEN_EXISTING, PLACE_FLAGS, NULL);
    if (handle == INVALID_HANDLE_VALUE)
        code = GetLastError();
    else
        *out = handle;
    free(wide);
    return code;
}

sbx_os_code sbx_os_open_place(sbx_handle *out, sbx_os_place *about, const char *path)
{
    HANDLE handle = NULL;
    sbx_os_code code = open_at(&handle, path, PLACE_RIGHTS);

    if (code == 0 && (code = describe(about, handle, path)) != 0)
        CloseHandle(handle);
    if (code == 0)
        *out = handle;
    return code;
}

sbx_os_code sbx_os_open_file_id(sbx_handle *out, const char *path, uint64_t volume,
                                const uint8_t file_id[16])
{
    char root[] = "C:/";
    uint8_t found_id[16];
    uint64_t found_volume = 0;
    HANDLE drive = NULL, handle;
    FILE_ID_DESCRIPTOR wanted = {.dwSize = sizeof(wanted), .Type = ExtendedFileIdType};
    sbx_os_code code;

    root[0] = path[0];
    code = open_at(&drive, root, FILE_READ_ATTRIBUTES);
    if (code == 0 && (code = read_id(drive, &found_volume, found_id)) == 0 &&
        found_volume != volume)
        code = ERROR_FILE_NOT_FOUND; /* another disk is called that now */
    if (code == 0) {
        memcpy(&wanted.ExtendedFileId, file_id, 16);
        handle = OpenFileById(drive, &wanted, PLACE_RIGHTS, SHARE, NULL, PLACE_FLAGS);
        if (handle == INVALID_HANDLE_VALUE) {
            wanted.Type = FileIdType; /* a file system with 64 bits takes only those */
            memcpy(&wanted.FileId, file_id, sizeof(wanted.FileId));
            handle = OpenFileById(drive, &wanted, PLACE_RIGHTS, SHARE, NULL, PLACE_FLAGS);
        }
        if (handle == INVALID_HANDLE_VALUE)
            code =
                GetLastError() == ERROR_INVALID_PARAMETER ? ERROR_FILE_NOT_FOUND : GetLastError();
        else
            *out = handle;
    }
    if (drive != NULL)
        CloseHandle(drive);
    return code;
}

/* --- entries --- */

/* *out_list lies in *out_descriptor, which is for LocalFree(). */
static sbx_os_code get_list(PACL *out_list, PSECURITY_DESCRIPTOR *out_descriptor, HANDLE place)
{
    return GetSecurityInfo(place, SE_FILE_OBJECT, DACL_SECURITY_INFORMATION, NULL, NULL, out_list,
                           NULL, out_descriptor);
}

/* Also says it to what lies below, which is why it can take as long as there are files. */
static sbx_os_code put_list(HANDLE place, PACL list)
{
    return SetSecurityInfo(place, SE_FILE_OBJECT, DACL_SECURITY_INFORMATION, NULL, NULL, list,
                           NULL);
}

static bool copy_part(PACL to, PACL from, bool inherited, bool denies)
{
    for (DWORD i = 0; i < from->AceCount; i++) {
        ACE_HEADER *header = NULL;

        if (!GetAce(from, i, (void **)&header))
            return false;
        if (((header->AceFlags & INHERITED_ACE) != 0) != inherited ||
            (!inherited && (header->AceType == ACCESS_DENIED_ACE_TYPE) != denies))
            continue;
        if (!AddAce(to, ACL_REVISION_DS, MAXDWORD, header, header->AceSize))
            return false;
    }
    return true;
}

static bool add_own(PACL to, const sbx_ace *ace, PSID sid)
{
    return ace->kind == SBX_ACE_DENY
               ? AddAccessDeniedAceEx(to, ACL_REVISION_DS, ace->flags, ace->mask, sid) != 0
               : AddAccessAllowedAceEx(to, ACL_REVISION_DS, ace->flags, ace->mask, sid) != 0;
}

/* The order that Windows keeps: its own denials, what it allows itself, what comes from above. */
static PACL with_one_more(PACL old, const sbx_ace *ace, PSID sid)
{
    DWORD bytes = old->AclSize + (DWORD)sizeof(ACCESS_ALLOWED_ACE) + GetLengthSid(sid);
    PACL list = bytes > MAXWORD ? NULL : LocalAlloc(LPTR, bytes);

    if (list != NULL && InitializeAcl(list, bytes, ACL_REVISION_DS) &&
        (ace->kind != SBX_ACE_DENY || add_own(list, ace, sid)) &&
        copy_part(list, old, false, true) &&
        (ace->kind == SBX_ACE_DENY || add_own(list, ace, sid)) &&
        copy_part(list, old, false, false) && copy_part(list, old, true, false))
        return list;
    if (list != NULL)
        LocalFree(list);
    return NULL;
}

static sbx_os_code add_locked(HANDLE place, const sbx_ace *ace)
{
    PSECURITY_DESCRIPTOR descriptor = NULL;
    PACL old = NULL, list = NULL;
    PSID sid = sbx_os_sid(ace->sid);
    sbx_os_code code = sid == NULL ? ERROR_INVALID_SID : get_list(&old, &descriptor, place);

    /* Without a list everybody may do everything, and one with a single entry would shut them all out. */
    if (code == 0 && old == NULL)
        code = ERROR_INVALID_ACL;
    if (code == 0 && (list = with_one_more(old, ace, sid)) == NULL)
        code = ERROR_NOT_ENOUGH_MEMORY;
    if (code == 0)
        code = put_list(place, list);
    if (list != NULL)
        LocalFree(list);
    if (descriptor != NULL)
        LocalFree(descriptor);
    if (sid != NULL)
        LocalFree(sid);
    return code;
}

static size_t count_in(PACL list, const sbx_ace *ace, PSID sid, DWORD *out_first)
{
    size_t count = 0;

    for (DWORD i = 0; list != NULL && i < list->AceCount; i++) {
        ACE_HEADER *header = NULL;

        if (!GetAce(list, i, (void **)&header) || !sbx_os_ace_is(header, ace, sid))
            continue;
        if (count++ == 0 && out_first != NULL)
            *out_first = i;
    }
    return count;
}

sbx_os_code sbx_os_add_ace(sbx_handle place, const sbx_ace *ace)
{
    HANDLE lock = NULL;
    sbx_os_code code = sbx_os_lock_lists(&lock);

    if (code == 0)
        code = add_locked(place, ace);
    sbx_os_unlock_lists(lock);
    return code;
}

static sbx_os_code remove_locked(HANDLE place, const sbx_ace *ace)
{
    PSECURITY_DESCRIPTOR descriptor = NULL;
    PACL list = NULL;
    PSID sid = sbx_os_sid(ace->sid);
    sbx_os_code code = sid == NULL ? ERROR_INVALID_SID : get_list(&list, &descriptor, place);
    bool has_changed = false;
    DWORD at = 0;

    while (code == 0 && count_in(list, ace, sid, &at) > 0) {
        if (!DeleteAce(list, at))
            code = GetLastError();
        has_changed = true;
    }
    if (code == 0 && has_changed) /* nothing to say costs no walk */
        code = put_list(place, list);
    if (descriptor != NULL)
        LocalFree(descriptor);
    if (sid != NULL)
        LocalFree(sid);
    return code;
}

sbx_os_code sbx_os_remove_ace(sbx_handle place, const sbx_ace *ace)
{
    HANDLE lock = NULL;
    sbx_os_code code = sbx_os_lock_lists(&lock);

    if (code == 0)
        code = remove_locked(place, ace);
    sbx_os_unlock_lists(lock);
    return code;
}

sbx_os_code sbx_os_count_aces(size_t *out, sbx_handle place, const sbx_ace *ace)
{
    PSECURITY_DESCRIPTOR descriptor = NULL;
    PACL list = NULL;
    PSID sid = sbx_os_sid(ace->sid);
    sbx_os_code code = sid == NULL ? ERROR_INVALID_SID : get_list(&list, &descriptor, place);

    if (code == 0)
        *out = count_in(list, ace, sid, NULL);
    if (descriptor != NULL)
        LocalFree(descriptor);
    if (sid != NULL)
        LocalFree(sid);
    return code;
}

sbx_os_code sbx_os_count_runs(size_t *out, sbx_handle place, const sbx_ace *ace, const char *run)
{
    PSECURITY_DESCRIPTOR descriptor = NULL;
    PACL list = NULL;
    sbx_os_code code = get_list(&list, &descriptor, place);

    *out = 0;
    for (DWORD i = 0; code == 0 && list != NULL && i < list->AceCount; i++) {
        ACE_HEADER *header = NULL;

        *out += GetAce(list, i, (void **)&header) && sbx_os_ace_is_of_run(header, ace, run);
    }
    if (descriptor != NULL)
        LocalFree(descriptor);
    return code;
}

/* --- directories --- */

static sbx_os_code make_one(const char *path, SECURITY_ATTRIBUTES *security)
{
    wchar_t *wide = sbx_wide_path(path);
    sbx_os_code code = ERROR_INVALID_NAME;

    if (wide != NULL)
        code = CreateDirectoryW(wide, security) ? 0 : GetLastError();
    free(wide);
    return code;
}

/* Each missing folder above path, for the caller alone. */
static sbx_os_code make_above(const char *path)
{
    sbx_security owner_only = {0};
    char *folder = strdup(path);
    sbx_os_code code = folder == NULL ? ERROR_NOT_ENOUGH_MEMORY : 0;

    if (code == 0 && sbx_security_owner_only(&owner_only, SBX_STEP_MOUNT, NULL) != SBX_OK)
        code = ERROR_INVALID_SECURITY_DESCR;
    for (char *at = folder == NULL ? NULL : folder + sbx_path_root_bytes(path);
         code == 0 && at != NULL && *at != '\0'; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        code = make_one(folder, &owner_only.attributes);
        if (code == ERROR_ALREADY_EXISTS || code == ERROR_ACCESS_DENIED)
            code = 0; /* one that may not be made is mostly there; else the last one says so */
        *at = '/';
    }
    sbx_security_done(&owner_only);
    free(folder);
    return code;
}

sbx_os_code sbx_os_make_directory(const char *path, const sbx_ace *aces, size_t count)
{
    SECURITY_DESCRIPTOR descriptor;
    SECURITY_ATTRIBUTES security = {.nLength = sizeof(security),
                                    .lpSecurityDescriptor = &descriptor};
    PACL list = sbx_os_list_make(aces, count);
    sbx_os_code code = 0;

    if (list == NULL || !InitializeSecurityDescriptor(&descriptor, SECURITY_DESCRIPTOR_REVISION) ||
        !SetSecurityDescriptorDacl(&descriptor, TRUE, list, FALSE) ||
        !SetSecurityDescriptorControl(&descriptor, SE_DACL_PROTECTED, SE_DACL_PROTECTED))
        code = GetLastError();
    if (code == 0)
        code = make_one(path, count == 0 ? NULL : &security);
    if (code == ERROR_PATH_NOT_FOUND && (code = make_above(path)) == 0)
        code = make_one(path, count == 0 ? NULL : &security);
    if (list != NULL)
        LocalFree(list);
    return code;
}

sbx_os_code sbx_os_remove_directory(const char *path)
{
    wchar_t *wide = sbx_wide_path(path);
    sbx_os_code code = ERROR_INVALID_NAME;

    if (wide != NULL)
        code = RemoveDirectoryW(wide) ? 0 : GetLastError();
    free(wide);
    return code;
}

sbx_os_code sbx_os_write_file(const char *path, const char *text)
{
    wchar_t *wide = sbx_wide_path(path);
    HANDLE file = INVALID_HANDLE_VALUE;
    DWORD bytes = (DWORD)strlen(text), done = 0;
    sbx_os_code code = ERROR_INVALID_NAME;

    if (wide != NULL) {
        file = CreateFileW(wide, GENERIC_WRITE, 0, NULL, CREATE_NEW, FILE_ATTRIBUTE_NORMAL, NULL);
        code = file == INVALID_HANDLE_VALUE ? GetLastError() : 0;
    }
    if (code == 0 && !WriteFile(file, text, bytes, &done, NULL))
        code = GetLastError();
    if (file != INVALID_HANDLE_VALUE)
        CloseHandle(file);
    free(wide);
    return code;
}
