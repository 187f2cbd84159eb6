# Writes build_info.h when what it says has changed: version, git revision and dirty state, compiler.
execute_process(COMMAND git -C ${SOURCE} describe --always --dirty --abbrev=12
                OUTPUT_VARIABLE revision OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT revision)
  set(revision "unknown")
endif()
file(CONFIGURE OUTPUT ${OUTPUT} @ONLY CONTENT [=[
#define BUILD_VERSION "@VERSION@"
#define BUILD_REVISION "@revision@"
#define BUILD_COMPILER "@COMPILER@"
#define BUILD_FLAGS "@FLAGS@"
]=])
