#include "derived.h"

#if __has_include(<mcdrl_has_dicom.h>)
#include <algorithm>
#include <cstdlib>

namespace derived {

// The attributes of patient and study that a derived object shares with its source, as texts. Those of the first list
// must be there, though they may be empty.
static const DcmTagKey needed[] = {
    DCM_PatientName, DCM_PatientID,       DCM_PatientBirthDate,       DCM_PatientSex,
    DCM_StudyDate,   DCM_StudyTime,       DCM_ReferringPhysicianName, DCM_StudyID,
    DCM_AccessionNumber};
static const DcmTagKey optional[] = {
    DCM_SpecificCharacterSet, DCM_IssuerOfPatientID, DCM_TypeOfPatientID, DCM_PatientBirthTime,
    DCM_RETIRED_OtherPatientIDs, DCM_OtherPatientNames, DCM_EthnicGroup, DCM_PatientComments,
    DCM_PatientIdentityRemoved, DCM_DeidentificationMethod, DCM_ResponsiblePerson, DCM_ResponsibleOrganization,
    DCM_StudyDescription, DCM_PhysiciansOfRecord, DCM_NameOfPhysiciansReadingStudy,
    DCM_AdmittingDiagnosesDescription, DCM_PatientAge, DCM_PatientSize, DCM_PatientWeight, DCM_Occupation,
    DCM_AdditionalPatientHistory, DCM_ClinicalTrialSponsorName, DCM_ClinicalTrialProtocolID,
    DCM_ClinicalTrialProtocolName, DCM_ClinicalTrialSiteID, DCM_ClinicalTrialSiteName, DCM_ClinicalTrialSubjectID,
    DCM_ClinicalTrialSubjectReadingID, DCM_ClinicalTrialTimePointID, DCM_ClinicalTrialTimePointDescription};

// Kinds that have frames even where there is one.
static const char *const multiframe_classes[] = {
    UID_MultiframeSingleBitSecondaryCaptureImageStorage, UID_MultiframeGrayscaleByteSecondaryCaptureImageStorage,
    UID_MultiframeGrayscaleWordSecondaryCaptureImageStorage, UID_MultiframeTrueColorSecondaryCaptureImageStorage,
    UID_UltrasoundMultiframeImageStorage, UID_RETIRED_UltrasoundMultiframeImageStorage,
    UID_VideoEndoscopicImageStorage, UID_VideoMicroscopicImageStorage, UID_VideoPhotographicImageStorage};

// The compression method of a transfer syntax that loses; null for others.
static const char *lossy_method(E_TransferSyntax syntax) {
  switch (syntax) {
  case EXS_JPEGProcess1: case EXS_JPEGProcess2_4: case EXS_JPEGProcess3_5: case EXS_JPEGProcess6_8:
  case EXS_JPEGProcess7_9: case EXS_JPEGProcess10_12: case EXS_JPEGProcess11_13: return "ISO_10918_1";
  case EXS_JPEGLSLossy: return "ISO_14495_1";
  case EXS_JPEG2000: case EXS_JPEG2000Multicomponent: return "ISO_15444_1";
  case EXS_MPEG2MainProfileAtMainLevel: case EXS_MPEG2MainProfileAtHighLevel: return "ISO_13818_2";
  case EXS_MPEG4HighProfileLevel4_1: case EXS_MPEG4BDcompatibleHighProfileLevel4_1:
  case EXS_MPEG4HighProfileLevel4_2_For2DVideo: case EXS_MPEG4HighProfileLevel4_2_For3DVideo:
  case EXS_MPEG4StereoHighProfileLevel4_2: return "ISO_14496_10";
  case EXS_HEVCMainProfileLevel5_1: case EXS_HEVCMain10ProfileLevel5_1: return "ISO_23008_2";
  default: return nullptr;
  }
}

// The bytes of all fragments of compressed pixels; 0 where they are not compressed.
static double fragment_bytes(const dicom_file &file) {
  if (file.fragments == nullptr) return 0;
  double sum = 0;
  DcmObject *item = file.fragments->nextInContainer(nullptr);
  // The first item is the offset table.
  while (item != nullptr && (item = file.fragments->nextInContainer(item)) != nullptr) sum += item->getLength();
  return sum;
}

static void find_compression(const dicom_file &file, Source &source) {
  DcmDataset &data = *file.data;
  const char *method = lossy_method(file.syntax);
  source.is_lossy = method != nullptr || value(data, DCM_LossyImageCompression) == "01";
  if (!source.is_lossy) return;
  source.lossy_ratio = read_all(data, DCM_LossyImageCompressionRatio);
  source.lossy_method = read_all(data, DCM_LossyImageCompressionMethod);
  if (source.lossy_method.empty() && method != nullptr) source.lossy_method = method;
  if (!source.lossy_ratio.empty()) return;
  const double stored = fragment_bytes(file);
  if (stored <= 0) return;
  const double bits = double(source.width) * source.height * source.frames * file.facts.samples *
                      std::max(8u, file.facts.bits_allocated);
  char text[17];
  snprintf(text, sizeof text, "%.2f", bits / 8 / stored);
  source.lossy_ratio = text;
}

static std::string required(DcmDataset &data, const DcmTagKey &tag, const char *name) {
  const std::string text = value(data, tag);
  if (text.empty() || text.size() > 64)
    throw Failure(DICOM_WRITING_SOURCE, std::string("it has no usable ") + name);
  return text;
}

static void copy(DcmDataset &from, DcmDataset &to, const DcmTagKey &tag, bool always) {
  std::string text = read_all(from, tag);
  // No attribute of these kinds may be longer.
  if (text.size() > 10240) text.clear();
  if (always || !text.empty()) put(to, tag, text);
}

Source read(const char *path, DcmDataset *shared) {
  const auto file = open(path);
  DcmDataset &data = *file->data;
  Source source;
  source.study = required(data, DCM_StudyInstanceUID, "StudyInstanceUID");
  source.series = required(data, DCM_SeriesInstanceUID, "SeriesInstanceUID");
  source.instance = required(data, DCM_SOPInstanceUID, "SOPInstanceUID");
  source.sop_class = required(data, DCM_SOPClassUID, "SOPClassUID");
  source.width = file->facts.columns;
  source.height = file->facts.rows;
  source.frames = file->facts.frames;
  source.is_multiframe = source.frames > 1;
  for (const char *known : multiframe_classes)
    if (source.sop_class == known) source.is_multiframe = true;
  find_compression(*file, source);
  source.frame_of_reference = value(data, DCM_FrameOfReferenceUID);
  source.position_reference = value(data, DCM_PositionReferenceIndicator);
  source.modality = value(data, DCM_Modality);
  source.body_part = value(data, DCM_BodyPartExamined);
  source.laterality = value(data, DCM_Laterality);
  source.image_laterality = value(data, DCM_ImageLaterality);
  DcmItem *region = nullptr;
  if (data.findAndGetSequenceItem(DCM_AnatomicRegionSequence, region).good() && region != nullptr) {
    source.region_scheme = value(*region, DCM_CodingSchemeDesignator);
    source.region_code = value(*region, DCM_CodeValue);
    source.region_meaning = value(*region, DCM_CodeMeaning);
  }
  source.series_number = value(data, DCM_SeriesNumber);
  source.instance_number = value(data, DCM_InstanceNumber);
  source.frame_time = value(data, DCM_FrameTime);
  source.frame_times = read_all(data, DCM_FrameTimeVector);
  if (shared != nullptr) {
    for (const auto &tag : needed) copy(data, *shared, tag, true);
    for (const auto &tag : optional) copy(data, *shared, tag, false);
    put(*shared, DCM_StudyInstanceUID, source.study);
  }
  return source;
}

} // namespace derived
#endif
