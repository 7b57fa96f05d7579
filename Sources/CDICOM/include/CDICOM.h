// The door to DCMTK and OpenJPEG. Every entry catches every exception.
#pragma once
#include "CDICOMRead.h"
#include "CDICOMWriting.h"
