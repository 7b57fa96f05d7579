// swift-tools-version: 6.0
// Reads .deps/libtorch, which scripts/bootstrap puts in place; after it plain `swift build` and `swift test` work.
import PackageDescription

let libtorch = Context.packageDirectory + "/.deps/libtorch"

let package = Package(
  name: "MCDRL",
  platforms: [.macOS(.v14)],
  products: [
    .executable(name: "mcdrl", targets: ["Command"]),
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
        "Storage", "Torch", "SyntheticEndoscopy", "CLIP", "Confounders", "Segmentation", "Datasets", "Metrics",
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
    .executableTarget(
      name: "Command",
      dependencies: [
        "Storage", "Torch", "Imaging", "SyntheticEndoscopy", "CLIP", "Confounders", "Segmentation",
        "Datasets", "Metrics", "Statistics", "Pretraining", "Training", "Studies", "Explaining", "Reporting",
        "Benchmarking",
      ]),

    .target(name: "TestSupport", path: "Tests/TestSupport"),
    .testTarget(name: "TorchTests", dependencies: ["Storage", "Torch"]),
    .testTarget(
      name: "ImagingTests", dependencies: ["Imaging", "Storage", "TestSupport", "Torch"], exclude: ["Fixtures"]),
    .testTarget(name: "SyntheticEndoscopyTests", dependencies: ["SyntheticEndoscopy", "Imaging"]),
    .testTarget(name: "CLIPTests", dependencies: ["CLIP", "Storage"], exclude: ["Fixtures"]),
    .testTarget(name: "MCDRLTests", dependencies: ["Storage", "Torch", "CLIP", "Confounders", "Segmentation"], exclude: ["Fixtures"]),
    .testTarget(name: "DatasetsTests", dependencies: ["Storage", "Datasets"]),
    .testTarget(name: "EvaluationTests", dependencies: ["Storage", "Torch", "Imaging", "SyntheticEndoscopy", "CLIP", "Confounders", "Segmentation", "Datasets", "Metrics", "Statistics", "Training", "Studies", "Explaining", "Reporting", "TestSupport"], exclude: ["Fixtures"]),
    .testTarget(name: "PretrainingTests", dependencies: ["Storage", "Pretraining"]),
    .testTarget(
      name: "TrainingTests", dependencies: ["Storage", "Torch", "Imaging", "SyntheticEndoscopy", "CLIP", "Confounders", "Segmentation", "Datasets", "Metrics", "Statistics", "Training", "Studies", "Explaining", "Reporting", "TestSupport"], exclude: ["Fixtures"]),
    .testTarget(name: "BenchmarkingTests", dependencies: ["Benchmarking", "CLIP", "Storage", "Torch"]),
    .testTarget(
      name: "CommandTests", dependencies: ["Command", "Storage", "Imaging", "Torch"], exclude: ["Fixtures"]),
  ],
  swiftLanguageModes: [.v6],
  cxxLanguageStandard: .cxx20
)
