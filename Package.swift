// swift-tools-version: 6.0
// Reads .deps/libtorch, which scripts/bootstrap puts in place; after it plain `swift build` and `swift test` work.
import PackageDescription

let libtorch = Context.packageDirectory + "/.deps/libtorch"

let package = Package(
  name: "MCDRL",
  platforms: [.macOS(.v14)],
  products: [
    .library(name: "Storage", targets: ["Storage"]),
    .library(name: "Torch", targets: ["Torch"]),
    .library(name: "Imaging", targets: ["Imaging"]),
    .library(name: "SyntheticEndoscopy", targets: ["SyntheticEndoscopy"]),
    .library(name: "CLIP", targets: ["CLIP"]),
    .library(name: "Confounders", targets: ["Confounders"]),
    .library(name: "Segmentation", targets: ["Segmentation"]),
    .library(name: "Datasets", targets: ["Datasets"]),
    .library(name: "Metrics", targets: ["Metrics"]),
    .library(name: "Statistics", targets: ["Statistics"]),
    .library(name: "Pretraining", targets: ["Pretraining"]),
    .library(name: "Training", targets: ["Training"]),
    .library(name: "Studies", targets: ["Studies"]),
    .library(name: "Explaining", targets: ["Explaining"]),
    .library(name: "Reporting", targets: ["Reporting"]),
    .library(name: "Benchmarking", targets: ["Benchmarking"]),
  ],
  targets: [
    // Loops that no operator of libtorch has, or has as quickly; quick in debug builds, too.
    .target(name: "CKernels", cSettings: [.unsafeFlags(["-O2"])]),
    // The doors to C and C++.
    .target(
      name: "CLibTorch",
      dependencies: ["CKernels"],
      cxxSettings: [
        .unsafeFlags([
          "-isystem\(libtorch)/include",
          "-isystem\(libtorch)/include/torch/csrc/api/include",
          "-O1", "-Wno-deprecated-declarations",
        ])
      ],
      linkerSettings: [
        .unsafeFlags(["-L\(libtorch)/lib", "-Xlinker", "-rpath", "-Xlinker", "\(libtorch)/lib"]),
        .linkedLibrary("torch_cpu"), .linkedLibrary("c10"),
      ]),
    .systemLibrary(
      name: "CJPEG", pkgConfig: "libjpeg",
      providers: [.apt(["libjpeg62-turbo-dev"]), .brew(["jpeg-turbo"])]),
    .systemLibrary(
      name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"]), .brew(["libpng"])]),
    .systemLibrary(
      name: "CTIFF", pkgConfig: "libtiff-4", providers: [.apt(["libtiff-dev"]), .brew(["libtiff"])]),
    .target(name: "CImageCodecs", dependencies: ["CJPEG", "CPNG", "CTIFF"]),

    // The rooms, lowest first; each uses only those above it in this list.
    .target(name: "Storage"),
    .target(name: "Torch", dependencies: ["CLibTorch", "Storage"]),
    .target(name: "Imaging", dependencies: ["CImageCodecs", "Storage", "Torch"]),
    .target(name: "SyntheticEndoscopy", dependencies: ["Storage", "Torch", "Imaging"]),
    .target(name: "CLIP", dependencies: ["Storage", "Torch", "Imaging"]),
    .target(name: "Confounders", dependencies: ["Storage", "Torch", "CLIP"]),
    .target(name: "Segmentation", dependencies: ["Storage", "Torch", "CLIP", "Confounders"]),
    .target(name: "Datasets", dependencies: ["Storage", "Torch", "Imaging"]),
    .target(name: "Metrics", dependencies: ["Storage", "Torch"]),
    .target(name: "Statistics", dependencies: ["Storage", "Torch", "Metrics"]),
    .target(
      name: "Pretraining",
      dependencies: [
        "Storage", "Torch", "SyntheticEndoscopy", "CLIP", "Confounders", "Segmentation", "Datasets",
        "Metrics",
      ]),
    .target(
      name: "Training",
      dependencies: [
        "Storage", "Torch", "Imaging", "CLIP", "Confounders", "Segmentation", "Datasets", "Metrics",
      ]),
    .target(
      name: "Studies",
      dependencies: [
        "Storage", "Torch", "CLIP", "Confounders", "Segmentation", "Datasets", "Metrics", "Statistics",
        "Training",
      ]),
    .target(
      name: "Explaining",
      dependencies: [
        "Storage", "Torch", "Imaging", "Confounders", "Segmentation", "Datasets", "Metrics", "Statistics",
        "Training", "Studies",
      ]),
    .target(
      name: "Reporting",
      dependencies: ["Storage", "Imaging", "Metrics", "Statistics", "Studies", "Explaining"]),
    .target(
      name: "Benchmarking",
      dependencies: [
        "Storage", "Torch", "Imaging", "SyntheticEndoscopy", "CLIP", "Confounders", "Segmentation",
        "Datasets", "Metrics", "Training", "Studies",
      ]),
    // What several tests need; a test target for each room.
    .target(
      name: "TestSupport",
      dependencies: [
        "CLIP", "Confounders", "Datasets", "Metrics", "Segmentation", "Storage", "Studies",
        "SyntheticEndoscopy", "Torch", "Training",
      ], path: "Tests/TestSupport"),
    .testTarget(name: "StorageTests", dependencies: ["Storage"]),
    .testTarget(name: "TorchTests", dependencies: ["Storage", "TestSupport", "Torch"]),
    .testTarget(
      name: "ImagingTests", dependencies: ["Imaging", "Storage", "TestSupport", "Torch"],
      exclude: ["Fixtures"]),
    .testTarget(
      name: "SyntheticEndoscopyTests", dependencies: ["Imaging", "SyntheticEndoscopy", "TestSupport"]),
    .testTarget(
      name: "CLIPTests", dependencies: ["CLIP", "Storage", "TestSupport", "Torch"], exclude: ["Fixtures"]),
    .testTarget(
      name: "ConfoundersTests", dependencies: ["CLIP", "Confounders", "Storage", "TestSupport", "Torch"]),
    .testTarget(
      name: "SegmentationTests",
      dependencies: ["CLIP", "Confounders", "Segmentation", "Storage", "TestSupport", "Torch"],
      exclude: ["Fixtures"]),
    .testTarget(
      name: "DatasetsTests", dependencies: ["Datasets", "Imaging", "Storage", "TestSupport", "Torch"]),
    .testTarget(
      name: "MetricsTests", dependencies: ["Metrics", "Storage", "TestSupport", "Torch"],
      exclude: ["Fixtures"]),
    .testTarget(
      name: "StatisticsTests", dependencies: ["Metrics", "Statistics", "TestSupport", "Torch"],
      exclude: ["Fixtures"]),
    .testTarget(
      name: "PretrainingTests",
      dependencies: [
        "CLIP", "Confounders", "Datasets", "Imaging", "Pretraining", "Storage", "TestSupport", "Torch",
      ]),
    .testTarget(
      name: "TrainingTests",
      dependencies: [
        "CLIP", "Confounders", "Datasets", "Imaging", "Metrics", "Segmentation", "Storage", "TestSupport",
        "Torch", "Training",
      ], exclude: ["Fixtures"]),
    .testTarget(
      name: "StudiesTests",
      dependencies: [
        "CLIP", "Confounders", "Datasets", "Metrics", "Segmentation", "Statistics", "Storage", "Studies",
        "TestSupport", "Torch", "Training",
      ], exclude: ["Fixtures"]),
    .testTarget(
      name: "ExplainingTests",
      dependencies: [
        "CLIP", "Confounders", "Datasets", "Explaining", "Imaging", "Metrics", "Reporting", "Segmentation",
        "Statistics", "Storage", "Studies", "SyntheticEndoscopy", "TestSupport", "Torch", "Training",
      ]),
    .testTarget(
      name: "ReportingTests",
      dependencies: [
        "Explaining", "Imaging", "Metrics", "Reporting", "Statistics", "Storage", "Studies", "TestSupport",
        "Torch",
      ]),
    .testTarget(
      name: "BenchmarkingTests",
      dependencies: ["Benchmarking", "CLIP", "Storage", "TestSupport", "Torch"]),
  ],
  swiftLanguageModes: [.v6],
  cxxLanguageStandard: .cxx20
)
