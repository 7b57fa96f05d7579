// The system's jpeg library, for CImageCodecs.
#pragma once
#include <stdio.h>
#include <jpeglib.h>
