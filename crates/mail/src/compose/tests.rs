//! Compiling and rendering, told as cases.
