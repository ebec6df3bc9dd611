# The Bot API as data (core/telegram/spec) is read by programs that run while
# building: from_api(NAME OUT) runs spec/NAME.c of this folder, which makes OUT of it.
set(api ${CMAKE_SOURCE_DIR}/core/telegram/spec/bot-api-10.3.json)
function(from_api name out)
  add_executable(spec_${name} ${CMAKE_CURRENT_SOURCE_DIR}/spec/${name}.c
                 ${CMAKE_SOURCE_DIR}/core/telegram/spec/program.c)
  target_include_directories(spec_${name} PRIVATE ${CMAKE_SOURCE_DIR}/core/telegram/spec)
  target_link_libraries(spec_${name} PkgConfig::JANSSON)
  add_custom_command(
    OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -E env ASAN_OPTIONS=detect_leaks=0
            $<TARGET_FILE:spec_${name}> ${api} ${out}
    DEPENDS spec_${name} ${api}
    VERBATIM)
endfunction()
