#pragma once
// XGBoost's shared library, opened when it is first needed and not before: the daemon links this module too, and must
// never have a library in its memory that crashes on a bad model file. Thread-safe.

#include <xgboost/c_api.h>

namespace retraind::train::xgboost {

// The functions retraind calls, by their own names, found in the library at run time; their types are checked against
// its header at compile time.
struct Library {
  decltype(&::XGBGetLastError) XGBGetLastError;
  decltype(&::XGBRegisterLogCallback) XGBRegisterLogCallback;
  decltype(&::XGBSetGlobalConfig) XGBSetGlobalConfig;
  decltype(&::XGBoostVersion) XGBoostVersion;
  decltype(&::XGBoosterBoostOneIter) XGBoosterBoostOneIter;
  decltype(&::XGBoosterCreate) XGBoosterCreate;
  decltype(&::XGBoosterFeatureScore) XGBoosterFeatureScore;
  decltype(&::XGBoosterFree) XGBoosterFree;
  decltype(&::XGBoosterGetNumFeature) XGBoosterGetNumFeature;
  decltype(&::XGBoosterLoadModelFromBuffer) XGBoosterLoadModelFromBuffer;
  decltype(&::XGBoosterPredictFromDMatrix) XGBoosterPredictFromDMatrix;
  decltype(&::XGBoosterPredictFromDense) XGBoosterPredictFromDense;
  decltype(&::XGBoosterSaveJsonConfig) XGBoosterSaveJsonConfig;
  decltype(&::XGBoosterSaveModelToBuffer) XGBoosterSaveModelToBuffer;
  decltype(&::XGBoosterSetParam) XGBoosterSetParam;
  decltype(&::XGDMatrixCreateFromDense) XGDMatrixCreateFromDense;
  decltype(&::XGDMatrixFree) XGDMatrixFree;
  decltype(&::XGDMatrixSetStrFeatureInfo) XGDMatrixSetStrFeatureInfo;
  decltype(&::XGProxyDMatrixCreate) XGProxyDMatrixCreate;
  decltype(&::XGProxyDMatrixSetDataDense) XGProxyDMatrixSetDataDense;
  decltype(&::XGQuantileDMatrixCreateFromCallback) XGQuantileDMatrixCreateFromCallback;
};

// Throws ConfigError when the library is not installed or lacks a function.
const Library& library();

}  // namespace retraind::train::xgboost
