// A source file for the targets that own precompiled headers (scripts/cmake/module.cmake).
