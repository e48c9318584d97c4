#include "core/train/artifact.h"

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <stdexcept>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/base/sha256.h"

namespace retraind::train {
namespace {

constexpr std::size_t kBlock = 512;

// A preparation of one number and one category, learned from four rows.
data::Preparation small_preparation() {
  data::Table table;
  table.rows = 4;
  table.event_times = {1, 2, 3, 4};
  table.label = {"y", {0, 1, 0, 1}, {"no", "yes"}};
  table.features.push_back({"price", "real", data::ValueType::number, data::NumberColumn{{1, 2, 3, 4}}});
  table.features.push_back(
      {"area", "text", data::ValueType::category, data::CategoryColumn{{0, 1, 0, -1}, {"east", "west"}}});
  std::vector<std::string> warnings;
  return data::Preparation::fit(table, 0, 4, settings::Model{}, warnings);
}

Artifact small_artifact() {
  return {R"({"task": "binary"})", small_preparation(), {{"model.ubj", std::string(700, 'x')}, {"notes/a.txt", ""}}};
}

void expect_equal(const Artifact& got, const Artifact& wanted) {
  EXPECT_EQ(got.manifest, wanted.manifest);
  EXPECT_EQ(got.preparation.to_json(), wanted.preparation.to_json());
  EXPECT_EQ(got.model_files, wanted.model_files);
}

bool is_refused(const std::string& bytes) {
  try {
    unpack(bytes);
  } catch (const DataError&) {
    return true;
  }
  return false;
}

// Writes the checksum of the header that starts at `offset`, as POSIX 1003.1 ustar has it.
void seal_header(std::string& bytes, std::size_t offset) {
  std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset + 148), 8, ' ');
  unsigned sum = 0;
  for (std::size_t i = 0; i < kBlock; ++i) sum += static_cast<unsigned char>(bytes[offset + i]);
  char text[8];
  std::snprintf(text, sizeof text, "%06o", sum);
  bytes.replace(offset + 148, 7, std::string(text) + '\0');
}

struct Foreign {
  std::string name;
  std::string contents;
  std::function<void(archive_entry*)> change = [](archive_entry*) {};
};

// An archive as somebody else's tar might write it.
std::string foreign_archive(const std::vector<Foreign>& entries, int format = ARCHIVE_FORMAT_TAR_USTAR) {
  std::string out(1 << 20, '\0');
  std::size_t used = 0;
  archive* writer = archive_write_new();
  archive_write_set_format(writer, format);
  archive_write_set_bytes_per_block(writer, 512);
  archive_write_open_memory(writer, out.data(), out.size(), &used);
  for (const Foreign& file : entries) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, file.name.c_str());
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_mtime(entry, 0, 0);
    archive_entry_set_size(entry, static_cast<la_int64_t>(file.contents.size()));
    file.change(entry);
    EXPECT_EQ(archive_write_header(writer, entry), ARCHIVE_OK) << archive_error_string(writer);
    archive_write_data(writer, file.contents.data(), file.contents.size());
    archive_entry_free(entry);
  }
  archive_write_close(writer);
  archive_write_free(writer);
  out.resize(used);
  return out;
}

std::vector<Foreign> good_entries() {
  return {{"manifest.json", "{}"}, {"model/model.ubj", "abc"}, {"preparation.json", small_preparation().to_json()}};
}

std::vector<Foreign> entries_with(Foreign extra, std::size_t place) {
  auto entries = good_entries();
  entries.insert(entries.begin() + static_cast<std::ptrdiff_t>(place), std::move(extra));
  return entries;
}

TEST(Artifact, ComesOutAsItWentIn) {
  const Artifact artifact = small_artifact();
  expect_equal(unpack(pack(artifact)), artifact);
}

TEST(Artifact, HoldsEveryByteAndAnyNumberOfFiles) {
  Artifact artifact = small_artifact();
  std::string all;
  for (int i = 0; i < 100000; ++i) all += static_cast<char>(i % 257);
  artifact.model_files = {{"all", all}, {"d\xC3\xA9j\xC3\xA0 vu", "1"}, {std::string(90, 'n'), "2"}};
  for (int i = 0; i < 200; ++i)
    artifact.model_files["part" + std::to_string(i)] = std::string(static_cast<std::size_t>(i * 5), 'p');
  expect_equal(unpack(pack(artifact)), artifact);
  artifact.model_files.clear();
  expect_equal(unpack(pack(artifact)), artifact);
}

// The bytes are what a version's sha256 is taken over: they may not change with the machine, nor with the library.
TEST(Artifact, HasBytesThatNeverChange) {
  EXPECT_EQ(pack(small_artifact()).size(), 4 * kBlock + 3 * kBlock + kBlock + 2 * kBlock);
  EXPECT_EQ(pack(small_artifact()), pack(small_artifact()));
  EXPECT_EQ(to_hex(sha256(pack({"{}", {}, {{"model.ubj", "abc"}}}))),
            "60619ff984de25758d2135c09cae610862427fcfe7fe1643893958baf61c93b6");
}

TEST(Artifact, IsAPlainTarInNameOrderWithFixedMetadata) {
  const std::string bytes = pack(small_artifact());
  EXPECT_EQ(bytes.substr(257, 8), std::string("ustar\0"
                                              "00",
                                              8));
  EXPECT_EQ(bytes.substr(0, 14), std::string("manifest.json\0", 14));
  EXPECT_EQ(bytes.substr(2 * kBlock, 16), std::string("model/model.ubj\0", 16));
  // The same entries written through another path give the same archive.
  const Artifact artifact = small_artifact();
  EXPECT_EQ(foreign_archive({{"manifest.json", artifact.manifest},
                             {"model/model.ubj", artifact.model_files.at("model.ubj")},
                             {"model/notes/a.txt", ""},
                             {"preparation.json", artifact.preparation.to_json()}}),
            bytes);
}

TEST(Artifact, CallsABadFileNameABug) {
  for (const std::string& name :
       {std::string(""), std::string("/etc/passwd"), std::string("../up"), std::string("a/../b"), std::string("a\nb"),
        std::string("a\0b", 3), std::string(91, 'n'), std::string("./a"), std::string("a//b"), std::string("a/")}) {
    Artifact artifact = small_artifact();
    artifact.model_files[name] = "x";
    EXPECT_THROW(pack(artifact), std::logic_error) << name;
  }
}

TEST(Artifact, IsRefusedWhenAnEntryIsMissing) {
  EXPECT_FALSE(is_refused(foreign_archive(good_entries())));
  for (const std::size_t gone : {0U, 2U}) {
    auto entries = good_entries();
    entries.erase(entries.begin() + static_cast<std::ptrdiff_t>(gone));
    EXPECT_TRUE(is_refused(foreign_archive(entries))) << gone;
  }
  EXPECT_TRUE(is_refused(foreign_archive({})));
}

TEST(Artifact, IsRefusedWithAnEntryThatPackDoesNotWrite) {
  for (const char* name : {"model/../x", "model/a/../../x", "model//x", "model/./x", "/model/x", "modem/x", "model/"}) {
    EXPECT_TRUE(is_refused(foreign_archive(entries_with({name, "x"}, 2)))) << name;
  }
  EXPECT_TRUE(is_refused(foreign_archive(entries_with({"zzz", "x"}, 3))));
  EXPECT_TRUE(is_refused(foreign_archive(entries_with({"model/" + std::string(91, 'n'), "x"}, 2))));
}

TEST(Artifact, IsRefusedWithTheSameEntryTwiceOrOutOfOrder) {
  EXPECT_TRUE(is_refused(foreign_archive(entries_with({"model/model.ubj", "other"}, 2))));
  EXPECT_TRUE(is_refused(foreign_archive(entries_with({"manifest.json", "{}"}, 1))));
  EXPECT_TRUE(is_refused(foreign_archive(entries_with({"model/a", "x"}, 2))));
}

TEST(Artifact, IsRefusedWithLinksFoldersAndDevices) {
  const std::vector<std::function<void(archive_entry*)>> changes{
      [](archive_entry* entry) { archive_entry_set_filetype(entry, AE_IFDIR); },
      [](archive_entry* entry) { archive_entry_set_filetype(entry, AE_IFCHR); },
      [](archive_entry* entry) { archive_entry_set_filetype(entry, AE_IFIFO); },
      [](archive_entry* entry) { archive_entry_set_hardlink(entry, "manifest.json"); },
      [](archive_entry* entry) {
        archive_entry_set_filetype(entry, AE_IFLNK);
        archive_entry_set_symlink(entry, "/etc/passwd");
      }};
  for (std::size_t i = 0; i < changes.size(); ++i) {
    EXPECT_TRUE(is_refused(foreign_archive(entries_with({"model/n", "", changes[i]}, 2)))) << i;
  }
}

TEST(Artifact, IsRefusedWithMetadataOfItsOwn) {
  const std::vector<std::function<void(archive_entry*)>> changes{
      [](archive_entry* entry) { archive_entry_set_perm(entry, 0755); },
      [](archive_entry* entry) { archive_entry_set_uid(entry, 1000); },
      [](archive_entry* entry) { archive_entry_set_gid(entry, 1000); },
      [](archive_entry* entry) { archive_entry_set_mtime(entry, 1, 0); }};
  for (std::size_t i = 0; i < changes.size(); ++i) {
    EXPECT_TRUE(is_refused(foreign_archive(entries_with({"model/n", "x", changes[i]}, 2)))) << i;
  }
}

TEST(Artifact, IsRefusedInAnotherFormat) {
  EXPECT_TRUE(is_refused(foreign_archive(good_entries(), ARCHIVE_FORMAT_TAR_GNUTAR)));
  auto with_extension = entries_with(
      {"model/n", "x", [](archive_entry* entry) { archive_entry_xattr_add_entry(entry, "user.x", "1", 1); }}, 2);
  EXPECT_TRUE(is_refused(foreign_archive(with_extension, ARCHIVE_FORMAT_TAR_PAX_INTERCHANGE)));
  EXPECT_TRUE(is_refused(foreign_archive(good_entries(), ARCHIVE_FORMAT_CPIO_POSIX)));
  EXPECT_TRUE(is_refused(""));
  EXPECT_TRUE(is_refused("{}"));
  EXPECT_TRUE(is_refused(std::string(1024, '\0')));
}

TEST(Artifact, IsRefusedBeforeMemoryIsTakenForAnAbsurdSize) {
  for (const char* octal : {"77777777777", "20000000001", "00010000000"}) {
    std::string bytes = pack(small_artifact());
    bytes.replace(124, 11, octal);
    seal_header(bytes, 0);
    EXPECT_TRUE(is_refused(bytes)) << octal;
  }
}

TEST(Artifact, IsRefusedWhenItIsCutOffAnywhere) {
  const std::string whole = pack(small_artifact());
  for (std::size_t length = 0; length < whole.size(); length += 64) {
    EXPECT_TRUE(is_refused(whole.substr(0, length))) << length;
  }
  EXPECT_TRUE(is_refused(whole.substr(0, whole.size() - 1)));
}

TEST(Artifact, IsRefusedWhenSomethingFollows) {
  const std::string whole = pack(small_artifact());
  EXPECT_TRUE(is_refused(whole + "x"));
  EXPECT_TRUE(is_refused(whole + std::string(kBlock, '\0')));
  EXPECT_TRUE(is_refused(whole + whole));
  EXPECT_TRUE(is_refused(whole.substr(0, whole.size() - 2 * kBlock) + whole));
}

TEST(Artifact, FindsAnyChangedByteOfAHeaderThatMatters) {
  const Artifact original = small_artifact();
  const std::string whole = pack(original);
  for (std::size_t header = 0; header + kBlock < whole.size(); header += kBlock) {
    if (whole.compare(header + 257, 5, "ustar") != 0) continue;
    for (std::size_t i = 0; i < kBlock; ++i) {
      for (const char value : {'\0', '0', '7', ' ', '/', '\xFF'}) {
        std::string bytes = whole;
        if (bytes[header + i] == value) continue;
        bytes[header + i] = value;
        // Blanks and zeros in the checksum's own field are spellings of the same number.
        if (!is_refused(bytes)) expect_equal(unpack(bytes), original);
      }
    }
  }
}

// Damage inside a file, or by somebody who makes the checksums right again, is for the sha256 to find. What can be
// promised here is that nothing crashes, and that whatever is accepted could have been packed.
TEST(Artifact, SurvivesDamageByRefusingItOrByGivingSomethingThatCanBePacked) {
  const std::string whole = pack(small_artifact());
  Random random(11);
  int refused = 0;
  constexpr int kTrials = 4000;
  for (int trial = 0; trial < kTrials; ++trial) {
    std::string bytes = whole;
    const std::uint64_t changes = 1 + random.below(4);
    for (std::uint64_t i = 0; i < changes; ++i) {
      const std::size_t block = random.below(bytes.size() / kBlock) * kBlock;
      const bool header = bytes.compare(block + 257, 5, "ustar") == 0;
      bytes[block + random.below(header ? 345 : kBlock)] = static_cast<char>(random.below(256));
      if (header && random.below(4) != 0) seal_header(bytes, block);
    }
    try {
      const Artifact got = unpack(bytes);
      const std::string again = pack(got);
      EXPECT_EQ(again.size(), bytes.size());
      expect_equal(unpack(again), got);
    } catch (const DataError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, kTrials / 4);
  EXPECT_LT(refused, kTrials);
}

TEST(Artifact, SurvivesRandomBytes) {
  Random random(13);
  for (int trial = 0; trial < 500; ++trial) {
    std::string bytes(random.below(8) * kBlock, '\0');
    for (char& c : bytes) c = static_cast<char>(random.below(256));
    if (bytes.size() > kBlock && random.below(2) == 0) {
      bytes.replace(257, 8,
                    std::string("ustar\0"
                                "00",
                                8));
      seal_header(bytes, 0);
    }
    EXPECT_TRUE(is_refused(bytes));
  }
}

}  // namespace
}  // namespace retraind::train
