// swift-tools-version: 6.0
// libtorch comes by pkg-config. In a checkout of one's own the description is .deps/pkgconfig/libtorch.pc, which
// scripts/bootstrap writes; after it plain `swift build` and `swift test` work. As a dependency of another package this
// one takes the `libtorch` that pkg-config knows (scripts/bootstrap --install), and uses no unsafe flag.
import PackageDescription

let folder = Context.packageDirectory
let isDependency = folder.split(separator: "/").dropLast().last == "checkouts"
// SwiftPM ends a name at a blank.
let libtorch = isDependency || folder.contains(" ") ? "libtorch" : folder + "/.deps/pkgconfig/libtorch.pc"

// The libraries of an optional part: without them its door builds, and says which package is missing.
func part(_ name: String) -> String {
  isDependency || folder.contains(" ") ? "mcdrl-\(name)" : folder + "/.deps/pkgconfig/mcdrl-\(name).pc"
}

// For work on this package alone: debug builds whose C and C++ are quick, and macOS, where no object tells a program
// the place of libtorch.
let optimizedC: [CSetting] = isDependency ? [] : [.unsafeFlags(["-O2"])]
let optimizedCXX: [CXXSetting] = isDependency ? [] : [.unsafeFlags(["-O1"])]
// The optimiser takes four fifths of the time of compiling the command, whose work is in the libraries.
let unoptimizedSwift: [SwiftSetting] =
  isDependency ? [] : [.unsafeFlags(["-Onone"], .when(configuration: .release))]
let runPath: [LinkerSetting] =
  isDependency
  ? []
  : [
    .unsafeFlags(
      ["-Xlinker", "-rpath", "-Xlinker", folder + "/.deps/libtorch/lib"], .when(platforms: [.macOS]))
  ]

let package = Package(
  name: "MCDRL",
  platforms: [.macOS(.v14)],
  // A library for each module with public declarations.
  products: [
    .executable(name: "mcdrl", targets: ["mcdrl"]),
    .library(name: "Command", targets: ["Command"]),
    .library(name: "Storage", targets: ["Storage"]),
    .library(name: "Torch", targets: ["Torch"]),
    .library(name: "Imaging", targets: ["Imaging"]),
    .library(name: "CLIP", targets: ["CLIP"]),
    .library(name: "Confounders", targets: ["Confounders"]),
    .library(name: "Segmentation", targets: ["Segmentation"]),
    .library(name: "Datasets", targets: ["Datasets"]),
    .library(name: "Metrics", targets: ["Metrics"]),
    .library(name: "Statistics", targets: ["Statistics"]),
    .library(name: "Training", targets: ["Training"]),
    .library(name: "Studies", targets: ["Studies"]),
  ],
  targets: [
    // Loops that no operator of libtorch has, or has as quickly, and SHA-256; quick in debug builds, too.
    .target(name: "CKernels", cSettings: optimizedC),
    // The doors to C and C++.
    .systemLibrary(name: "CLibTorchSystem", pkgConfig: libtorch),
    .target(
      name: "CLibTorch", dependencies: ["CKernels", "CLibTorchSystem"], exclude: ["gloo/README.md"],
      // The folder of the stand-ins for Gloo's headers, which libtorch lacks.
      cxxSettings: optimizedCXX + [.headerSearchPath(".")], linkerSettings: runPath),
    .systemLibrary(
      name: "CJPEG", pkgConfig: "libjpeg",
      providers: [.apt(["libjpeg62-turbo-dev"]), .brew(["jpeg-turbo"])]),
    .systemLibrary(
      name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"]), .brew(["libpng"])]),
    .systemLibrary(
      name: "CTIFF", pkgConfig: "libtiff-4", providers: [.apt(["libtiff-dev"]), .brew(["libtiff"])]),
    .systemLibrary(
      name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]),
    .target(name: "CImageCodecs", dependencies: ["CJPEG", "CPNG", "CTIFF"]),
    .systemLibrary(
      name: "CDICOMSystem", pkgConfig: part("dicom"),
      providers: [.apt(["libdcmtk-dev", "libopenjp2-7-dev"]), .brew(["dcmtk", "openjpeg"])]),
    .target(name: "CDICOM", dependencies: ["CDICOMSystem", "CKernels"], cxxSettings: optimizedCXX),
    .systemLibrary(
      name: "CVideoSystem", pkgConfig: part("video"),
      providers: [.apt(["libavformat-dev", "libswscale-dev"]), .brew(["ffmpeg"])]),
    .target(
      name: "CVideo", dependencies: ["CVideoSystem"], cSettings: optimizedC,
      linkerSettings: [.linkedLibrary("dl", .when(platforms: [.linux]))]),
    .systemLibrary(
      name: "CHTTPSystem", pkgConfig: part("http"),
      providers: [.apt(["libmicrohttpd-dev"]), .brew(["libmicrohttpd"])]),
    .target(name: "CHTTP", dependencies: ["CHTTPSystem"], cSettings: optimizedC),

    // The rooms, lowest first; each uses only those above it in this list.
    .target(name: "Storage", dependencies: ["CKernels", "CZlib"]),
    .target(name: "Torch", dependencies: ["CLibTorch", "Storage"]),
    .target(name: "Imaging", dependencies: ["CDICOM", "CImageCodecs", "CVideo", "Storage", "Torch"]),
    .target(name: "SyntheticEndoscopy", dependencies: ["Storage", "Torch", "Imaging"]),
    .target(name: "CLIP", dependencies: ["Storage", "Torch", "Imaging"]),
    .target(
      name: "Confounders", dependencies: ["Storage", "Torch", "CLIP"],
      // The prompt files come with every program that is built on this library.
      resources: [.embedInCode("Prompts")]),
    .target(name: "Segmentation", dependencies: ["Storage", "Torch", "CLIP", "Confounders"]),
    .target(name: "Datasets", dependencies: ["Storage", "Torch", "Imaging", "Metrics"]),
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
        "Statistics",
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
        "Storage", "Torch", "Imaging", "CLIP", "Confounders", "Segmentation", "Datasets", "Metrics",
        "Statistics", "Training", "Studies",
      ]),
    .target(
      name: "Reporting",
      dependencies: ["Storage", "Torch", "Imaging", "Metrics", "Statistics", "Studies", "Explaining"]),
    .target(
      name: "Reviewing",
      dependencies: [
        "CHTTP", "Storage", "Torch", "Imaging", "Datasets", "Metrics", "Statistics", "Training", "Explaining",
      ],
      // The review page comes with the command.
      resources: [.embedInCode("Page")]),
    .target(
      name: "Benchmarking",
      dependencies: [
        "Storage", "Torch", "Imaging", "SyntheticEndoscopy", "CLIP", "Confounders", "Segmentation",
        "Datasets", "Metrics", "Training", "Studies",
      ]),
    .target(
      name: "Command",
      dependencies: [
        "Storage", "Torch", "Imaging", "SyntheticEndoscopy", "CLIP", "Confounders", "Segmentation",
        "Datasets", "Metrics", "Statistics", "Pretraining", "Training", "Studies", "Explaining", "Reporting",
        "Reviewing", "Benchmarking",
      ], swiftSettings: unoptimizedSwift),

    // Help that does not wait for libtorch.
    .target(name: "CHelp", dependencies: ["CLibTorch"], exclude: ["help.txt"]),
    .executableTarget(name: "mcdrl", dependencies: ["CHelp", "Command"]),

    // What several tests need; a test target for each room.
    .target(
      name: "TestSupport",
      dependencies: [
        "CLIP", "Confounders", "Datasets", "Imaging", "Metrics", "Segmentation", "Storage", "Studies",
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
      name: "CLIPTests", dependencies: ["CLIP", "Imaging", "Storage", "TestSupport", "Torch"],
      exclude: ["Fixtures"]),
    .testTarget(
      name: "ConfoundersTests", dependencies: ["CLIP", "Confounders", "Storage", "TestSupport", "Torch"],
      exclude: ["Fixtures"]),
    .testTarget(
      name: "SegmentationTests",
      dependencies: ["CLIP", "Confounders", "Segmentation", "Storage", "TestSupport", "Torch"],
      exclude: ["Fixtures"]),
    .testTarget(
      name: "DatasetsTests", dependencies: ["Datasets", "Imaging", "Storage", "TestSupport", "Torch"],
      exclude: ["Fixtures"]),
    .testTarget(
      name: "MetricsTests", dependencies: ["Metrics", "Storage", "TestSupport", "Torch"],
      exclude: ["Fixtures"]),
    .testTarget(
      name: "StatisticsTests", dependencies: ["Metrics", "Statistics", "TestSupport", "Torch"],
      exclude: ["Fixtures"]),
    .testTarget(
      name: "PretrainingTests",
      dependencies: [
        "CLIP", "Confounders", "Datasets", "Imaging", "Pretraining", "Storage", "SyntheticEndoscopy",
        "TestSupport", "Torch",
      ]),
    .testTarget(
      name: "TrainingTests",
      dependencies: [
        "CLIP", "Confounders", "Datasets", "Imaging", "Metrics", "Segmentation", "Statistics", "Storage",
        "TestSupport", "Torch", "Training",
      ], exclude: ["Fixtures"]),
    .testTarget(
      name: "StudiesTests",
      dependencies: [
        "Confounders", "Datasets", "Metrics", "Segmentation", "Statistics", "Storage", "Studies",
        "SyntheticEndoscopy", "TestSupport", "Torch", "Training",
      ], exclude: ["Fixtures"]),
    .testTarget(
      name: "ExplainingTests",
      dependencies: [
        "CLIP", "Confounders", "Datasets", "Explaining", "Imaging", "Metrics", "Reporting", "Segmentation",
        "Statistics", "Storage", "Studies", "SyntheticEndoscopy", "TestSupport", "Torch", "Training",
      ]),
    // Damaged files for the readers of several rooms.
    .testTarget(
      name: "MutationTests",
      dependencies: [
        "CLIP", "Confounders", "Datasets", "Imaging", "Reviewing", "Storage", "Studies", "TestSupport",
        "Torch", "Training",
      ]),
    .testTarget(
      name: "ReportingTests",
      dependencies: [
        "Explaining", "Imaging", "Metrics", "Reporting", "Statistics", "Storage", "Studies", "TestSupport",
        "Torch", "Training",
      ], exclude: ["Fixtures"]),
    .testTarget(
      name: "ReviewingTests",
      dependencies: [
        "Datasets", "Imaging", "Metrics", "Reviewing", "Storage", "TestSupport", "Torch", "Training",
      ]),
    .testTarget(
      name: "BenchmarkingTests",
      dependencies: ["Benchmarking", "Torch"]),
    .testTarget(
      name: "CommandTests",
      dependencies: [
        "Command", "Datasets", "Imaging", "Reviewing", "Storage", "TestSupport", "Torch", "Training", "mcdrl",
      ], exclude: ["Fixtures"]),
  ],
  swiftLanguageModes: [.v6],
  cxxLanguageStandard: .cxx20
)
