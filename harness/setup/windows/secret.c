/* See secret.h. */
#include "harness/setup/windows/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include <dpapi.h>

#include "audit/private_file.h"
#include "harness/base/clock.h"
#include "harness/base/windows/functions.h"
#include "harness/base/windows/security.h"
#include "harness/base/windows/wide.h"
#include "harness/setup/windows/as_user.h"
#include "harness/setup/windows/files.h"

static const char heading[] = "sbx-secret 1 ";

void sbx_secret_wipe(void *secret, size_t bytes)
{
    SecureZeroMemory(secret, bytes);
}

/* --- making --- */

static bool has_all_kinds(const char *password)
{
    bool upper = false, lower = false, digit = false, other = false;

    for (; *password != '\0'; password++) {
        if (*password >= 'A' && *password <= 'Z')
            upper = true;
        else if (*password >= 'a' && *password <= 'z')
            lower = true;
        else if (*password >= '0' && *password <= '9')
            digit = true;
        else
            other = true;
    }
    return upper && lower && digit && other;
}

/* 64 letters, so that each takes six bits and none is likelier than another; a try that lacks a kind is rare. */
sbx_status sbx_secret_make(char out[SBX_SECRET_BYTES], sbx_error *err)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint8_t random[SBX_SECRET_BYTES - 1];
    sbx_status st;

    do {
        st = sbx_random_bytes(random, sizeof(random), err);
        for (size_t i = 0; i < sizeof(random); i++)
            out[i] = letters[random[i] & 63];
        out[sizeof(random)] = '\0';
    } while (st == SBX_OK && !has_all_kinds(out));
    sbx_secret_wipe(random, sizeof(random));
    if (st != SBX_OK)
        sbx_secret_wipe(out, SBX_SECRET_BYTES);
    return st;
}

/* --- its file --- */

static sbx_status find_file(sbx_text *out_folder, sbx_text *out_file, const char *user,
                            sbx_error *err)
{
    sbx_status st;

    if (user[0] == '\0' || strspn(user, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                        "0123456789") != strlen(user))
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_IDENTITY,
                              "\"%s\" is no name of a sandbox user", user);
    st = sbx_setup_folder_find(out_folder, SBX_SETUP_FOLDER_LOCAL, err);
    sbx_text_add(out_folder, "/secrets");
    sbx_text_add_format(out_file, "%s/%s.secret", sbx_text_string(out_folder), user);
    return st == SBX_OK ? sbx_text_check(out_file, err) : st;
}

/* The name belongs to it: the file of one user is no file of another's. */
static void make_entropy(DATA_BLOB *out, char room[64], const char *user)
{
    int bytes = snprintf(room, 64, "sbx sandbox user %s", user);

    *out = (DATA_BLOB){.cbData = (DWORD)bytes, .pbData = (BYTE *)room};
}

/* --- DPAPI --- */

typedef struct dpapi {
    BOOL(WINAPI *protect)(DATA_BLOB *, LPCWSTR, DATA_BLOB *, PVOID, void *, DWORD, DATA_BLOB *);
    BOOL(WINAPI *unprotect)(DATA_BLOB *, LPWSTR *, DATA_BLOB *, PVOID, void *, DWORD, DATA_BLOB *);
} dpapi;

static sbx_status find_dpapi(dpapi *out, sbx_error *err)
{
    static const char *const names[] = {"CryptProtectData", "CryptUnprotectData"};

    return sbx_functions_find(out, sizeof(*out), "crypt32.dll", names, SBX_COUNT_OF(names), err);
}

static sbx_status encrypt(sbx_text *out, const char *user, const char *password, sbx_error *err)
{
    DATA_BLOB in = {.cbData = (DWORD)strlen(password), .pbData = (BYTE *)(uintptr_t)password};
    DATA_BLOB entropy, made = {0};
    char room[64];
    dpapi call;
    sbx_status st = find_dpapi(&call, err);

    if (st != SBX_OK)
        return st;
    make_entropy(&entropy, room, user);
    if (!call.protect(&in, L"sbx", &entropy, NULL, NULL, CRYPTPROTECT_UI_FORBIDDEN, &made))
        return sbx_fail_win32(err, SBX_IO, SBX_STEP_IDENTITY, GetLastError(),
                              "encrypting the password of %s", user);
    sbx_text_add(out, heading);
    for (DWORD i = 0; i < made.cbData; i++) {
        static const char hex[] = "0123456789abcdef";
        char two[2] = {hex[made.pbData[i] >> 4], hex[made.pbData[i] & 15]};

        sbx_text_add_bytes(out, two, 2);
    }
    sbx_text_add(out, "\n");
    LocalFree(made.pbData);
    return sbx_text_check(out, err);
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* In its place; false: not the form that encrypt() writes. */
static bool take_hex(DATA_BLOB *out, char *text)
{
    char *at = text + sizeof(heading) - 1;
    DWORD count = 0;

    if (strncmp(text, heading, sizeof(heading) - 1) != 0)
        return false;
    out->pbData = (BYTE *)text;
    for (; digit(at[0]) >= 0 && digit(at[1]) >= 0; at += 2)
        out->pbData[count++] = (BYTE)(digit(at[0]) << 4 | digit(at[1]));
    out->cbData = count;
    return count > 0 && strcmp(at, "\n") == 0;
}

static sbx_status decrypt(char out[SBX_SECRET_BYTES], char *text, const char *user, sbx_error *err)
{
    DATA_BLOB in, entropy, made = {0};
    char room[64];
    dpapi call;
    sbx_status st = find_dpapi(&call, err);

    if (st != SBX_OK)
        return st;
    if (!take_hex(&in, text))
        return sbx_fail_plain(err, SBX_CORRUPT, SBX_STEP_IDENTITY,
                              "the kept password of %s is not what was written — sbx-setup repair",
                              user);
    make_entropy(&entropy, room, user);
    if (!call.unprotect(&in, NULL, &entropy, NULL, NULL, CRYPTPROTECT_UI_FORBIDDEN, &made))
        return sbx_fail_win32(err, SBX_REFUSED, SBX_STEP_IDENTITY, GetLastError(),
                              "decrypting the password of %s (kept by another account, or changed "
                              "since; sbx-setup repair makes a new one)",
                              user);
    if (made.cbData < SBX_SECRET_BYTES) {
        memcpy(out, made.pbData, made.cbData);
        out[made.cbData] = '\0';
    } else {
        st = sbx_fail_plain(err, SBX_CORRUPT, SBX_STEP_IDENTITY,
                            "the kept password of %s is too long — sbx-setup repair", user);
    }
    sbx_secret_wipe(made.pbData, made.cbData);
    LocalFree(made.pbData);
    return st;
}

/* --- the four --- */

sbx_status sbx_secret_load(char out[SBX_SECRET_BYTES], const char *user, sbx_error *err)
{
    enum { ROOM = 8192 };
    sbx_text folder = {0}, file = {0};
    char *text = calloc(1, ROOM);
    bool exists = false;
    sbx_status st = find_file(&folder, &file, user, err);

    out[0] = '\0';
    if (st == SBX_OK && text == NULL)
        st = sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_IDENTITY, "no memory for a password");
    if (st == SBX_OK) {
        st = sbx_private_file_read(text, ROOM, &exists, sbx_text_string(&file), true, err);
        if (st != SBX_OK && err != NULL)
            err->step = SBX_STEP_IDENTITY;
    }
    if (st == SBX_OK && !exists)
        st =
            sbx_fail_plain(err, SBX_NOT_FOUND, SBX_STEP_IDENTITY,
                           "there is no password of %s for this account — sbx-setup install", user);
    if (st == SBX_OK)
        st = decrypt(out, text, user, err);
    free(text);
    sbx_text_done(&folder);
    sbx_text_done(&file);
    return st;
}

static sbx_status write_as_user(const char *folder, const char *file, const char *text,
                                sbx_error *err)
{
    char user[SBX_SID_TEXT_BYTES], sddl[SBX_SID_TEXT_BYTES + 96], above[1024];
    int bytes =
        snprintf(above, sizeof(above), "%.*s", (int)(strlen(folder) - strlen("/secrets")), folder);
    sbx_status st = sbx_security_user(user, err);

    if (st == SBX_OK && (bytes < 0 || (size_t)bytes >= sizeof(above)))
        st = sbx_fail_plain(err, SBX_INVALID, SBX_STEP_IDENTITY, "%s: is too long", folder);
    if (st == SBX_OK)
        st = sbx_as_user_begin(err);
    if (st != SBX_OK)
        return st;
    (void)snprintf(sddl, sizeof(sddl), "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;%s)", user);
    if ((st = sbx_setup_folder_make(above, sddl, err)) == SBX_OK &&
        (st = sbx_setup_folder_make(folder, sddl, err)) == SBX_OK &&
        (st = sbx_setup_folder_check(folder, err)) == SBX_OK)
        st = sbx_setup_file_write(file, text, sddl, err);
    sbx_as_user_end();
    return st;
}

static sbx_status read_back(const char *user, const char *password, sbx_error *err)
{
    char found[SBX_SECRET_BYTES];
    sbx_status st = sbx_secret_load(found, user, err);

    if (st == SBX_OK && strcmp(found, password) != 0)
        st = sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_IDENTITY,
                            "the password of %s did not read back as it was kept", user);
    sbx_secret_wipe(found, sizeof(found));
    return st;
}

sbx_status sbx_secret_save(const char *user, const char *password, sbx_error *err)
{
    sbx_text folder = {0}, file = {0}, text = {0};
    sbx_status st;

    if (strlen(password) >= SBX_SECRET_BYTES)
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_IDENTITY, "too long for a password");
    st = find_file(&folder, &file, user, err);
    if (st == SBX_OK)
        st = encrypt(&text, user, password, err);
    if (st == SBX_OK)
        st = write_as_user(sbx_text_string(&folder), sbx_text_string(&file), sbx_text_string(&text),
                           err);
    if (st == SBX_OK)
        st = read_back(user, password, err);
    sbx_text_done(&folder);
    sbx_text_done(&file);
    sbx_text_done(&text);
    return st;
}

sbx_status sbx_secret_remove(const char *user, sbx_error *err)
{
    sbx_text above = {0}, folder = {0}, file = {0};
    sbx_status st = find_file(&folder, &file, user, err);

    if (st == SBX_OK)
        st = sbx_setup_folder_find(&above, SBX_SETUP_FOLDER_LOCAL, err);
    if (st == SBX_OK)
        st = sbx_as_user_begin(err);
    if (st == SBX_OK) {
        if ((st = sbx_setup_file_remove(sbx_text_string(&file), err)) == SBX_OK &&
            (st = sbx_setup_folder_remove(sbx_text_string(&folder), err)) == SBX_OK)
            st =
                sbx_setup_folder_remove(sbx_text_string(&above), err); /* mostly others are in it */
        sbx_as_user_end();
    }
    sbx_text_done(&above);
    sbx_text_done(&folder);
    sbx_text_done(&file);
    return st;
}
