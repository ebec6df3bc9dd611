# Run by embed(): writes OUT, a C file whose data comes in through .incbin, so
# that a megabyte costs the compiler nothing.
set(text "#include \"base/embedded.h\"\n\n")
set(rows "")
set(n 0)
foreach(file IN LISTS FILES)
  get_filename_component(base ${file} NAME)
  string(APPEND text "__asm__(\".section .rodata\\n\"
        \".global ${NAME}_${n}\\n${NAME}_${n}:\\n\"
        \".incbin \\\"${file}\\\"\\n\"
        \".global ${NAME}_${n}_end\\n${NAME}_${n}_end:\\n.byte 0\\n\"
        \".previous\\n\");
extern const char ${NAME}_${n}[], ${NAME}_${n}_end[];\n")
  string(APPEND rows "    { \"${base}\", ${NAME}_${n}, ${NAME}_${n}_end },\n")
  math(EXPR n "${n} + 1")
endforeach()
string(APPEND text "\nconst struct embedded ${NAME}[] = {\n${rows}    { 0, 0, 0 },\n};\n")
get_filename_component(dir ${OUT} DIRECTORY)
file(MAKE_DIRECTORY ${dir})
file(WRITE ${OUT} "${text}")
