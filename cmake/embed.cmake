# cmake -DINPUT=FILE -DOUTPUT=PATH -DSYMBOL=NAME -P embed.cmake
# Writes PATH.c and PATH.h with the file's bytes and a 0 as `const char NAME[]`. An array of bytes and not
# a string literal: C promises only 4095 characters for one.
file(READ ${INPUT} hex HEX)
string(REGEX REPLACE "(................................)" "\\1\n" hex "${hex}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${hex}")
string(REPLACE "\n" "\n    " bytes "${bytes}")
get_filename_component(header ${OUTPUT}.h NAME)
get_filename_component(source ${INPUT} NAME)
file(WRITE ${OUTPUT}.h "/* Made from ${source}. */\nextern const char ${SYMBOL}[];\n")
file(WRITE ${OUTPUT}.c
    "/* Made from ${source}. */\n#include \"${header}\"\n\nconst char ${SYMBOL}[] = {\n    ${bytes}'\\0'};\n")
